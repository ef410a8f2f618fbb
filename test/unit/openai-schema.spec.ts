import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { publishedSchema } from '../helpers/openai-fake/published-schema.js';

it('is the schema of the official client that is installed (`npx vitest run -u` writes it anew)', async () => {
  const schema = publishedSchema(dirname(fileURLToPath(import.meta.resolve('openai'))));
  await expect(`${JSON.stringify(schema, null, 1)}\n`).toMatchFileSnapshot('../helpers/openai-fake/openai.schema.json');
  expect(() => new Ajv2020({ strict: false }).addSchema(schema, 'openai').getSchema('openai#/$defs/ChatCompletion')).not.toThrow();
}, 60_000);
