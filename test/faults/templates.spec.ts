import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnsOf, grade, parseGrader, type ProgramGrader } from '../../src/common/graders.js';
import { DomainError } from '../../src/common/errors.js';
import { renderMessages, variablesOf } from '../../src/prompts/rendering.js';
import { type Gateway, type GraphqlFailure, startGateway } from '../helpers/gateway.js';

/** Names that an object has without being given them, and some that Mustache or JavaScript would treat as special. */
const PROTOTYPE_NAMES = [...Object.getOwnPropertyNames(Object.prototype), 'prototype', 'length', 'then', 'toJSON', 'name'];
/** Inputs on which a backtracking pattern, or a parser that keeps each character, would take minutes or all memory. */
const LARGE = 1_000_000;
const CATASTROPHES: Record<string, string> = {
  'an open tag before line breaks': `{{a${'\n'.repeat(LARGE)}`,
  'a tag of line breaks': `{{a${'\n'.repeat(LARGE)}b}}`,
  'an open comment per line': '{{!\n'.repeat(LARGE),
  'comments on one line': '{{!}}'.repeat(LARGE / 5),
  'open braces': '{'.repeat(LARGE),
  'closing braces': `{{${'}'.repeat(LARGE)}`,
  'tags in tags': '{{{{{a'.repeat(LARGE / 5),
  'sections in sections': `${'{{#a}}'.repeat(LARGE / 10)}${'{{/a}}'.repeat(LARGE / 10)}`,
  'other delimiters': `{{=${'<'.repeat(LARGE)} ${'>'.repeat(LARGE)}=}}`,
  'a long name': `{{${'a'.repeat(LARGE)}}}`,
  'much text': 'x '.repeat(LARGE),
  'many variables': '{{a}}'.repeat(LARGE / 5),
  'item columns without an end': '{{item.'.repeat(LARGE / 5),
  'one item column without an end': `{{item.${'a'.repeat(LARGE)}`,
  'a call without an end': `f(${'a,'.repeat(LARGE)}`,
  'a name of dots': `${'a.'.repeat(LARGE)}(`,
  'spaces': ' '.repeat(LARGE),
  'spaces and more': `${' '.repeat(LARGE)}x`,
  'a call before spaces': `f()${' '.repeat(LARGE)}x`,
  'spaces before a call': `f${' '.repeat(LARGE)}(`,
};

const user = (content: string) => [{ role: 'user' as const, content }];
/** What a function answers, or the DomainError it refuses with; anything else is a failure of the test. */
function outcome<T>(work: () => T): T | DomainError {
  try {
    return work();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

/** Number 25: templates of users are inert, or refused, and never take long. */
describe('#25 templates of prompts', () => {
  const fragment = fc.constantFrom(...PROTOTYPE_NAMES, '{{', '}}', '{', '}', '#', '/', '^', '>', '&', '=', '!', '.', ' ', '\n', '$&', '$1', '${1}', 'a', '{{a}}');
  const template = fc.array(fc.oneof(fragment, fc.string({ unit: 'binary' })), { maxLength: 30 }).map((parts) => parts.join(''));

  it('hold nothing but the variables that are given', () => {
    fc.assert(fc.property(template, (content) => {
      const needed = outcome(() => variablesOf(user(content)));
      if (needed instanceof DomainError) return;
      // Values that a template engine, or String.replace, would read again.
      const variables = JSON.parse(`{${needed.map((name) => `${JSON.stringify(name)}:"«{{a}} $& {{constructor}}»"`).join(',')}}`) as Record<string, unknown>;
      const [rendered] = renderMessages(user(content), needed, variables, 'p');
      const rest = rendered!.content.replaceAll('«{{a}} $& {{constructor}}»', '');
      expect(rest).not.toMatch(/native code|\[object|undefined|function /);
      expect(rest.length).toBeLessThanOrEqual(content.length);
      if (needed.length > 0) expect(() => renderMessages(user(content), needed, {}, 'p')).toThrow(DomainError);
    }), { numRuns: 2_000 });
  });

  it.each(PROTOTYPE_NAMES)('{{%s}} is a variable like any other, which an object does not have of itself', (name) => {
    const content = `{{${name}}} {{a}} {{${name}}}`;
    const needed = variablesOf(user(content));
    expect(() => renderMessages(user(content), needed, { a: 'x' }, 'p')).toThrow(`{{${name}}}`);
    const given = JSON.parse(`{ "a": "x", ${JSON.stringify(name)}: "given" }`) as Record<string, unknown>;
    expect(renderMessages(user(content), needed, given, 'p')).toEqual(user('given x given'));
  });

  it.each(['{{constructor.constructor}}', '{{a.b}}', '{{.}}', '{{#a}}{{/a}}', '{{^a}}{{/a}}', '{{>a}}', '{{=<% %>=}}', '{{}}', '{{a b}}', '{{a', '{{{a}}', '{{"a"}}', '{{a()}}', '{{ä}}'])('refuses %s', (content) => {
    expect(outcome(() => variablesOf(user(content)))).toMatchObject({ code: 'bad_input' });
  });

  it('are Mustache in what they allow', () => {
    const content = '{{! why }}\nDear {{ name }}{{!, really}},\n  {{!x}} {{!y}}  \n{{{a}}} and {{&a}} {{! end }}';
    expect(variablesOf(user(content))).toEqual(['a', 'name']);
    expect(renderMessages(user(content), ['a', 'name'], { name: '<Ada>', a: '{{name}}' }, 'p')).toEqual(user('Dear <Ada>,\n{{name}} and {{name}} '));
  });

  it.each(Object.entries(CATASTROPHES))('come to an end with %s', (_, content) => {
    const needed = outcome(() => variablesOf(user(content)));
    if (!(needed instanceof DomainError)) outcome(() => renderMessages(user(content), needed, { a: 'value' }, 'p'));
  });

  it('do not fill memory by naming a long variable often', () => {
    expect(outcome(() => renderMessages(user('{{a}}'.repeat(100_000)), ['a'], { a: 'x'.repeat(1_000_000) }, 'p'))).toMatchObject({ code: 'too_large' });
  });
});

describe('#25 templates of graders', () => {
  const graders = (input: string, reference: string): ProgramGrader[] => [
    ...(['eq', 'ne', 'like', 'ilike'] as const).map((operation) => ({ type: 'string_check' as const, operation, input, reference })),
    { type: 'function_call', input, reference, partial: true },
    { type: 'length', input, per: 10 },
  ];
  const fragment = fc.constantFrom(...PROTOTYPE_NAMES.map((name) => `{{item.${name}}}`), '{{sample.output_text}}', '{{item.', '}}', '{{', 'f(', ')', ',', ' ', '\n', '$&', '$`');
  const template = fc.array(fc.oneof(fragment, fc.string({ unit: 'binary' })), { maxLength: 20 }).map((parts) => parts.join(''));

  it('give a score from 0 to the greatest, or say which column is missing', () => {
    fc.assert(fc.property(template, template, fc.string({ unit: 'binary' }), fc.dictionary(fc.constantFrom(...PROTOTYPE_NAMES), fc.jsonValue()), (input, reference, output, item) => {
      for (const grader of graders(input, reference)) {
        const score = outcome(() => grade(parseGrader(grader) as ProgramGrader, { output, item }));
        if (score instanceof DomainError) expect(score).toMatchObject({ code: 'bad_data', message: expect.stringContaining('{{item.') });
        else expect(score).toSatisfy((value: number) => value >= 0 && value <= 10);
      }
    }), { numRuns: 500 });
  });

  it.each(PROTOTYPE_NAMES)('{{item.%s}} is no column of an item that has none', (name) => {
    const [grader] = graders(`{{item.${name}}}`, '');
    expect(outcome(() => grade(grader!, { output: '', item: {} }))).toMatchObject({ code: 'bad_data' });
    expect(columnsOf(grader!)).toEqual([name]);
  });

  it('do not call what an item brings along', () => {
    const item = { input: { toString: 'x', valueOf: 1 }, list: [1] };
    for (const column of Object.keys(item)) expect(outcome(() => grade(graders(`{{item.${column}}}`, '')[0]!, { output: '', item }))).toMatchObject({ code: 'bad_data' });
  });

  it('do not read $-patterns or tags in an answer', () => {
    const [grader] = graders('[{{sample.output_text}}]', '[{{item.a}}]');
    for (const text of ['$&', '$1', '$$', '{{item.b}}']) expect(grade(grader!, { output: text, item: { a: text, b: 'no' } })).toBe(1);
  });

  it('refuse what is no grader, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.oneof(fc.constantFrom(...PROTOTYPE_NAMES), fc.jsonValue()), (rest, type) => {
      for (const value of [rest, { type }, { ...(rest as object), type, toString: 1 }]) expect(outcome(() => parseGrader(value))).toMatchObject({ code: 'bad_input' });
    }));
  });

  it.each(Object.entries(CATASTROPHES))('come to an end with %s', (_, text) => {
    for (const grader of [...graders(text, text), ...graders('{{sample.output_text}}', '{{item.a}}')]) {
      columnsOf(grader);
      outcome(() => grade(grader, { output: text, item: { a: text } }));
    }
  });

  it('do not fill memory by naming a long answer often', () => {
    expect(outcome(() => grade(graders('{{sample.output_text}}'.repeat(100_000), '')[0]!, { output: 'x'.repeat(1_000_000), item: {} }))).toMatchObject({ code: 'too_large' });
  });
});

describe('#25 templates through the API', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());
  const create = (name: string, content: string) => gateway.graphql(
    'mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { variables } }', { input: { name, messages: [{ role: 'user', content }], labels: ['production'] } });
  const code = (work: Promise<unknown>) => work.then(() => null, (error: unknown) => (error as GraphqlFailure).code);

  it('prototype names are variables that must be given', async () => {
    await create('inert', '{{constructor}} {{hasOwnProperty}} {{toString}}');
    const render = (variables: object) => gateway.graphql('query ($v: JSONObject!) { renderPrompt(ref: "prompts:/inert", variables: $v) { content } }', { v: variables });
    expect(await code(render({}))).toBe('undefined_variable');
    expect(await render({ constructor: 'a', hasOwnProperty: 'b', toString: 'c' })).toEqual({ renderPrompt: [{ content: 'a b c' }] });
  });

  it.each(Object.entries(CATASTROPHES))('a prompt with %s is answered, and so is the next request', async (name, content) => {
    expect(await code(create(`catastrophe/${name.replaceAll(/\W/g, '-')}`, content))).toBeOneOf([null, 'bad_input']);
    expect(await gateway.graphql('{ __typename }')).toEqual({ __typename: 'Query' });
  });

  it('a key __proto__ in a request is refused before anything reads it, or is a key like any other', async () => {
    const body = '{"query":"query ($v: JSONObject!) { renderPrompt(ref: \\"prompts:/inert\\", variables: $v) { content } }","variables":{"v":{"__proto__":{"constructor":"x"}}}}';
    const response = await gateway.fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(response.status === 400 || ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]!.extensions.code === 'undefined_variable').toBe(true);
    expect(({} as { constructor: unknown }).constructor).toBe(Object);
  });
});
