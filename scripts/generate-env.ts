/** .env.example, from the schema of the environment. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { environmentSchema } from '../src/config/config.js';

const { properties = {}, required = [] } = z.toJSONSchema(environmentSchema, { io: 'input', unrepresentable: 'any' });

const blocks = Object.entries(environmentSchema.shape).map(([name, variable]) => {
  const { default: fallback } = properties[name] as { default?: string | number };
  const off = variable.safeParse(undefined).data === false;
  // A variable with a default, or that may be absent, is commented out: it shows what holds without it.
  return `# ${variable.description}\n${required.includes(name) ? '' : '#'}${name}=${off ? 0 : (fallback ?? '')}\n`;
});

writeFileSync('.env.example', `# Generated from src/config/config.ts by \`npm run generate\`; do not edit.
# Every variable that the service reads. \`npm start\` sets them all for the embedded services; a deployment without it
# sets those that stand without a #.

${blocks.join('\n')}`);
