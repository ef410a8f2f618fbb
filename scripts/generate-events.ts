/** contracts/events/*.schema.json and the table of events in docs/guides/webhooks.md, from src/webhooks/event-types.ts. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EVENT_TYPES, type EventType, payloadSchema } from '../src/webhooks/event-types.js';

const DIRECTORY = 'contracts/events';
const GUIDE = 'docs/guides/webhooks.md';
const TABLE = /(<!-- events: `npm run generate` writes this -->\n)[^]*?(\n<!-- \/events -->)/;

const types = Object.keys(EVENT_TYPES) as EventType[];
const fileOf = (type: EventType) => `${type}.schema.json`;

mkdirSync(DIRECTORY, { recursive: true });
const files = new Set<string>(types.map(fileOf));
for (const file of readdirSync(DIRECTORY)) if (!files.has(file)) rmSync(`${DIRECTORY}/${file}`);
for (const type of types) writeFileSync(`${DIRECTORY}/${fileOf(type)}`, `${JSON.stringify(payloadSchema(type), null, 2)}\n`);

const rows = types.map((type) => {
  const { version, description, data } = EVENT_TYPES[type];
  return `| [\`${type}\`](../../${DIRECTORY}/${fileOf(type)}) | ${version} | ${description} | ${Object.keys(data.shape).map((field) => `\`${field}\``).join(', ')} |`;
});
const guide = readFileSync(GUIDE, 'utf8');
if (!TABLE.test(guide)) throw new Error(`${GUIDE} has no place for the table of events`);
writeFileSync(GUIDE, guide.replace(TABLE, (_, open: string, close: string) => `${open}| type | version | what happened | \`data\` |\n|---|---|---|---|\n${rows.join('\n')}${close}`));
