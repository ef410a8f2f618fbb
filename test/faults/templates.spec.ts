import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnsOf, grade, parseGrader, type ProgramGrader } from '../../src/common/graders.js';
import { DomainError } from '../../src/common/errors.js';
import { newTemplates } from '../../src/prompts/new-templates.js';
import type { PromptVersionEntity } from '../../src/prompts/prompt.entity.js';
import { compileVersion, type ReadyPrompt, readyPrompt } from '../../src/prompts/ready-prompt.js';
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
  'tags in one line': '{% if a %}'.repeat(LARGE / 10),
  'tags one in the other': `${'{% if a %}'.repeat(2_000)}${'{% endif %}'.repeat(2_000)}`,
  'comments without an end': '{% comment %}'.repeat(LARGE / 20),
  'raw text without an end': '{% raw %}{%'.repeat(LARGE / 20),
  'quotes without an end': '{{"'.repeat(LARGE / 4),
  'brackets without an end': `{{${'a['.repeat(LARGE / 4)}`,
  'brackets one in the other': `{{${'a['.repeat(LARGE / 20)}b${']'.repeat(LARGE / 20)}}}`,
  'parentheses': `{{${'('.repeat(LARGE / 2)}}}`,
  'a long path': `{{a${'.a'.repeat(LARGE / 4)}}}`,
  'many filters': `{{a${' | upcase'.repeat(LARGE / 20)}}}`,
  'many operands': `{% if a${' or a'.repeat(LARGE / 10)} %}{% endif %}`,
  'white space that goes': `{{a -}}${' '.repeat(LARGE)}{{- a}}`,
  'a tag of spaces': `{%${' '.repeat(LARGE)}if a %}{% endif %}`,
  'many properties': Array.from({ length: 5_000 }, (_, index) => `{{a${index}}}`).join(''),
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

/** One prompt, read as at its creation and again as at its first rendering. */
function prepare(content: string, partials: Record<string, string> = {}): ReadyPrompt {
  const version = (name: string, text: string) => ({ ...newTemplates({ type: 'chat', messages: user(text) }), id: name, name, messages: user(text) }) as unknown as PromptVersionEntity;
  const included = new Map(Object.entries(partials).map(([reference, text]) => [reference, compileVersion(version(reference, text))]));
  return readyPrompt(compileVersion(version('p', content)), included);
}
const rendered = (content: string, variables: Record<string, unknown>, partials?: Record<string, string>) => outcome(() => prepare(content, partials).render(variables)[0]!.content);

/** Number 25: templates of users are inert, or refused, and never take long. */
describe('#25 templates of prompts', () => {
  const fragment = fc.constantFrom(...PROTOTYPE_NAMES, ...PROTOTYPE_NAMES.map((name) => `{{a.${name}}}`), '{{', '}}', '{%', '%}', '{', '}', '#', '/', '>', '|', ':', ',', '=', '(', ')', '[', ']', '"', '-', '.', ' ', '\n', '$&', 'a', '{{a}}',
    '{% if a %}', '{% elsif b %}', '{% else %}', '{% endif %}', '{% unless a %}', '{% endunless %}', '{% for x in a %}', '{% for x in (1..9) %}', '{% endfor %}', '{{ x }}', '{{ forloop.index }}', '{% case a %}', '{% when "x" %}', '{% endcase %}',
    '{% raw %}', '{% endraw %}', '{% comment %}', '{% endcomment %}', '{% render "a" %}', '{{ a | upcase }}', '{{ a | json }}', '{{ a | default: b }}', '{% assign a = 1 %}', '{% include "x" %}', '{% layout "/etc/passwd" %}');
  const template = fc.array(fc.oneof(fragment, fc.string({ unit: 'binary' })), { maxLength: 30 }).map((parts) => parts.join(''));
  const value = fc.oneof(fc.constant('«{{a}} {% if a %} $& {{constructor}}»'), fc.jsonValue({ maxDepth: 3 }), fc.constant(JSON.parse('{"__proto__":{"x":1},"constructor":"c","toString":"t"}')));

  it('hold nothing but the variables that are given, or say what is wrong', () => {
    fc.assert(fc.property(template, fc.dictionary(fc.constantFrom('a', 'b', 'x', ...PROTOTYPE_NAMES), value), (content, variables) => {
      const text = rendered(content, variables, { 'a@production': '{{a}}' });
      if (text instanceof DomainError) expect(text.code).toBeOneOf(['bad_input', 'undefined_variable', 'too_large']);
      else expect(text.replaceAll(content, '')).not.toMatch(/native code|\[object |function Object/);
      expect(({} as { x?: unknown }).x).toBeUndefined();
    }), { numRuns: 1_000 });
  }, 60_000);

  it.each(PROTOTYPE_NAMES)('{{%s}} is a variable like any other, which an object does not have of itself', (name) => {
    const content = `{{${name}}} {{a}} {{${name}}}`;
    expect(rendered(content, { a: 'x' })).toMatchObject({ code: 'undefined_variable', message: expect.stringContaining(`{{${name}}}`) });
    const given = JSON.parse(`{ "a": "x", ${JSON.stringify(name)}: "given" }`) as Record<string, unknown>;
    expect(rendered(content, given)).toBe('given x given');
    if (name === 'length') return;
    for (const [path, o] of [[`o.${name}`, {}], [`o["${name}"]`, {}], ['o[k]', {}], [`o.${name}`, ['x']], [`o.${name}`, 'x'], [`o.${name}.${name}`, { a: 1 }]] as const) {
      expect(rendered(`{% if true %}{{${path}}}{% endif %}`, { o, k: name })).toMatchObject({ code: 'undefined_variable' });
    }
  });

  it.each(['{{constructor.constructor("x")}}', '{{.}}', '{{#a}}{{/a}}', '{{^a}}{{/a}}', '{{>a}}', '{{=<% %>=}}', '{{}}', '{{a b}}', '{{a', '{{{a}}', '{{a()}}', '{% include "x" %}', '{% render x %}', '{% layout "x" %}', '{% assign x = 1 %}', '{% capture x %}{% endcapture %}', '{% increment x %}', '{{ a | date: "%s" }}', '{{ a | where: "x" }}', '{{ a | map: "constructor" }}'])('refuses %s', (content) => {
    expect(rendered(content, {})).toMatchObject({ code: 'bad_input' });
  });

  it.each(Object.entries(CATASTROPHES))('come to an end with %s', (_, content) => {
    rendered(content, { a: 'value', b: true });
  });

  const list = Array.from({ length: 20_000 }, (_, index) => index);
  const nested = (depth: number, inner: string, over = 'l') => `${Array.from({ length: depth }, (_, index) => `{% for x${index} in ${over} %}`).join('')}${inner}${'{% endfor %}'.repeat(depth)}`;
  it.each<[string, string, Record<string, unknown>, Record<string, string>?]>([
    ['loops in loops', nested(5, 'x'), { l: list.slice(0, 100) }],
    ['empty loops in loops', nested(20, ''), { l: list.slice(0, 10) }],
    ['loops over nothing in loops', nested(3, '{% for y in e %}{% endfor %}'), { l: list.slice(0, 500), e: [] }],
    ['a huge range', '{% for x in (1..1000000000) %}{% endfor %}', {}],
    ['a huge range that is asked for', '{% for x in (a..b) %}x{% endfor %}', { a: -9e15, b: '9000000000000000' }],
    ['huge ranges in loops', nested(4, '{{x0}}', '(1..1000)'), {}],
    ['what a list contains, asked often', '{% for x in l %}{% if l contains "no" %}{% endif %}{% endfor %}', { l: list }],
    ['lists compared', '{% for x in l %}{% if l == m %}{% endif %}{% endfor %}', { l: list, m: [...list] }],
    ['lists joined', '{% for x in l %}{% if l | join %}{% endif %}{% endfor %}', { l: list.map(() => '') }],
    ['lists as JSON', '{% for x in l %}{% assign %}{{ l | json | size }}{% endfor %}'.replace('{% assign %}', ''), { l: list }],
    ['texts compared', '{% for x in l %}{% if a == b %}{% endif %}{% endfor %}', { l: list, a: 'x'.repeat(100_000), b: 'x'.repeat(100_000) }],
    ['a needle like its haystack', '{% for x in l %}{% if a contains b %}{% endif %}{% endfor %}', { l: list, a: 'a'.repeat(100_000), b: `${'a'.repeat(5_000)}b${'a'.repeat(5_000)}` }],
    ['a text that replaces its letters', '{{ a | replace: "a", a | replace: "a", a | replace: "a", a }}', { a: 'a'.repeat(5_000) }],
    ['a text replaced between its letters', '{% for x in l %}{{ a | replace: "", "" | size }}{% endfor %}', { l: list, a: 'a'.repeat(100_000) }],
    ['filters one after another', `{{ a${' | append: a | prepend: a'.repeat(2_000)} }}`, { a: 'a'.repeat(10_000) }],
    ['includes in loops', '{% for x in l %}{% render "b", x: x %}{% endfor %}', { l: list, big: list }, { 'b@production': '{{x}}{% if big %}{% for y in big limit: 0 %}{% endfor %}{% endif %}' }],
    ['includes that multiply', '{% render "b" %}'.repeat(100), { a: 'a' }, { 'b@production': '{% render "c" %}'.repeat(100), 'c@production': '{% render "d" %}'.repeat(100), 'd@production': '{{a}}'.repeat(100) }],
    ['includes of themselves', '{% render "b" %}', {}, { 'b@production': '{% render "b" %}{% render "b" %}' }],
    ['values nested deeply', '{{ a | json }}', { a: Array.from({ length: 5_000 }).reduce<unknown>((inner) => [inner], 'x') }],
  ])('come to an end with %s', (_, content, variables, partials) => {
    const text = rendered(content, variables, partials);
    if (text instanceof DomainError) expect(text.code).toBeOneOf(['too_large', 'bad_input', 'undefined_variable']);
  });

  it('do not fill memory by naming a long variable often', () => {
    expect(rendered('{{a}}'.repeat(5_000), { a: 'x'.repeat(1_000_000) })).toMatchObject({ code: 'too_large' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['patterns', { type: 'object', properties: { a: { pattern: '(a+)+$' } }, required: ['a'] }],
    ['references', { type: 'object', properties: { a: { $ref: '#/properties/a' } }, required: ['a'] }],
    ['items that must be unique', { type: 'object', properties: { a: { uniqueItems: true } }, required: ['a'] }],
    ['depth', { type: 'object', properties: { a: Array.from({ length: 60 }).reduce<object>((inner) => ({ not: inner }), {}) }, required: ['a'] }],
    ['code', { type: 'object', properties: { a: { enum: ['"+process.exit()+"'] }, '"];process.exit();//': {} }, required: ['a'] }],
    ['its size', { type: 'object', properties: { a: { enum: list } }, required: ['a'] }],
    ['a prototype', JSON.parse('{"type":"object","properties":{"a":{},"__proto__":{"type":"string"}},"required":["a","__proto__"]}') as Record<string, unknown>],
  ])('an input schema does no harm by %s', (_, inputSchema) => {
    outcome(() => newTemplates({ type: 'chat', messages: user('{{a}}'), inputSchema }));
    expect(({} as { type?: unknown }).type).toBeUndefined();
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
