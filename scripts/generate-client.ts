/** demo/generated/graphql.ts: typed documents of the client's operations, checked against schema.graphql. */
import { codegen } from '@graphql-codegen/core';
import * as documentNode from '@graphql-codegen/typed-document-node';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildSchema, parse } from 'graphql';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const OPERATIONS = 'demo/operations.graphql';
const OUTPUT = 'demo/generated/graphql.ts';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const source = await codegen({
  filename: OUTPUT,
  schema: parse(readFileSync('schema.graphql', 'utf8')),
  schemaAst: schema,
  documents: [{ location: OPERATIONS, document: parse(readFileSync(OPERATIONS, 'utf8')) }],
  config: { documentMode: 'string', enumType: 'string-literal', scalars: { ID: 'string', DateTime: 'string', JSON: 'unknown', JSONObject: { input: 'object', output: 'Record<string, unknown>' } }, useTypeImports: true },
  pluginMap: { operations, documentNode },
  plugins: [{ operations: {} }, { documentNode: {} }],
});
mkdirSync('demo/generated', { recursive: true });
writeFileSync(OUTPUT, `/* Generated from ${OPERATIONS} and schema.graphql by \`npm run generate\`; do not edit. */\n${source}`);
