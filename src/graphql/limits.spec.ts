import { buildSchema, GraphQLError, Kind, parse, print, validate } from 'graphql';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerSizeRule } from './answer-size.js';
import { LIMITS, limitRules } from './limits.js';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));

describe('the limits', () => {
  it('leave room for every operation of the demo', () => {
    const { definitions } = parse(readFileSync('demo/operations.graphql', 'utf8'));
    expect(definitions.length).toBeGreaterThan(10);
    for (const operation of definitions) {
      const text = print({ kind: Kind.DOCUMENT, definitions: [operation] });
      expect(validate(schema, parse(text, { maxTokens: LIMITS.tokens }), limitRules())).toEqual([]);
    }
  });

  it.each([
    ['{ prompts { nodes { id } } }', 51],
    ['{ prompts(first: 10) { nodes { versions(first: 20) { edges { node { id } } } } } }', 1 + 10 * (1 + 1 + 20 * 2)],
    ['query ($n: Int) { prompts(last: $n) { pageInfo { endCursor } nodes { id } } }', 1 + 1 + 500],
    ['{ prompts(first: null, last: 7) { nodes { ...v ...v } } } fragment v on Prompt { versions(first: 2) { nodes { messages { role } } } }', 1 + 7 * (1 + 2 * (1 + 2 * (1 + 10)))],
    ['{ model(name: "x") { id } lineage(type: model_version, id: "x") { nodes { id } } }', 1 + 1 + 10],
    ['query ($r: [_Any!]!) { _entities(representations: $r) { ... on Prompt { versions(first: 3) { nodes { id } } } } }', 200 * (1 + 1 + 3)],
    ['{ __typename nothing { more } }', 0],
  ])('take %s for an answer of %i objects', (document, objects) => {
    const found: number[] = [];
    validate(schema, parse(document), [answerSizeRule(-1, (size) => {
      found.push(size);
      return new GraphQLError('');
    })]);
    expect(found).toEqual([objects]);
  });
});
