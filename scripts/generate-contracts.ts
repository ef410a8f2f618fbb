/** TypeScript types and the JSON Schemas themselves, from contracts/*.schema.json. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

const directory = 'contracts';
const documents = Object.fromEntries(readdirSync(directory).filter((file) => file.endsWith('.schema.json')).sort()
  .map((file) => [file, JSON.parse(readFileSync(`${directory}/${file}`, 'utf8')) as JSONSchema]));

// One document that refers to all, so that shared shapes are declared once.
const whole: JSONSchema = { title: 'Contracts', type: 'object', additionalProperties: false, properties: Object.fromEntries(Object.keys(documents).map((file) => [file.replace('.schema.json', ''), { $ref: file }])) };
const types = await compile(whole, 'Contracts', {
  cwd: `${process.cwd()}/${directory}/`,
  bannerComment: '/* Generated from contracts/*.schema.json by `npm run generate`; do not edit. */',
  style: { singleQuote: true, printWidth: 120 },
});
writeFileSync('src/contracts/contracts.generated.ts', types);
