import fc from 'fast-check';
import { Liquid } from 'liquidjs';
import { describe, expect, it } from 'vitest';
import { toLiquid } from '../database/migrations/1764200000000-prompt-templates.js';
import { newTemplates } from './new-templates.js';
import type { ChatTemplate, PromptVersionEntity } from './prompt.entity.js';
import { compileVersion, readyPrompt } from './ready-prompt.js';

const version = (name: string, messages: ChatTemplate[], inputSchema?: Record<string, unknown>): PromptVersionEntity => ({
  ...newTemplates({ type: 'chat', messages, inputSchema }), id: name, name, messages, type: 'chat', projectId: 'p', promptId: name, version: 1,
  config: {}, tags: [], commitMessage: null, createdBy: 'key:k', createdAt: new Date(0),
});
const user = (content: string): ChatTemplate[] => [{ role: 'user', content }];
const render = (content: string, variables: Record<string, unknown>, partials: Record<string, string> = {}) => {
  const included = new Map(Object.entries(partials).map(([reference, text]) => [reference, compileVersion(version(reference, user(text)))]));
  return readyPrompt(compileVersion(version('p', user(content))), included).render(variables)[0]!.content;
};
const schemaOf = (content: string) => newTemplates({ type: 'chat', messages: user(content) }).inputSchema;
const SCALAR = ['string', 'number', 'boolean'];

describe('rendering', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['Hi {{name}}!', { name: 'Ada' }, 'Hi Ada!'],
    ['{{ a }} {{b}} {{ c}}', { a: 1.5, b: true, c: '<&"{{a}}' }, '1.5 true <&"{{a}}'],
    ['{{ user.name }} {{ user["first name"] }} {{ list[0] }}{{ list[-1] }} {{ list.size }} {{ names[key] }}', { user: { name: 'A', 'first name': 'B' }, list: ['x', 'y'], names: { k: 'z' }, key: 'k' }, 'A B xy 2 z'],
    ['{% if a %}yes{% elsif b == 2 %}two{% else %}no{% endif %}', { a: null, b: 2 }, 'two'],
    ['{% unless a %}no{% endunless %}', {}, 'no'],
    ['{% if a and b or c %}1{% endif %}{% if not a %}2{% endif %}', { a: true, b: false, c: true }, '1'],
    ['{% if x == empty %}e{% endif %}{% if y == blank %}b{% endif %}{% if z != nil %}z{% endif %}', { x: [], y: '  ', z: 0 }, 'ebz'],
    ['{% if t contains "b" %}1{% endif %}{% if l contains 2 %}2{% endif %}{% if n >= 3 %}3{% endif %}{% if missing > 3 %}4{% endif %}', { t: 'abc', l: [1, 2], n: 3 }, '123'],
    ['{% case k %}{% when "a", "b" %}ab{% when 3 %}three{% else %}other{% endcase %}', { k: 3 }, 'three'],
    ['{% for d in docs %}{{forloop.index}}/{{forloop.length}} {{d.t}}{% unless forloop.last %}, {% endunless %}{% else %}none{% endfor %}', { docs: [{ t: 'a' }, { t: 'b' }] }, '1/2 a, 2/2 b'],
    ['{% for d in docs %}x{% else %}none{% endfor %}', { docs: [] }, 'none'],
    ['{% for i in (1..n) %}{{i}}{% endfor %}{% for i in l limit: 2 offset: 1 reversed %}[{{i}}]{% endfor %}', { n: '3', l: [1, 2, 3, 4] }, '123[3][2]'],
    ['{% for a in l %}{% for b in a %}{% for a in b.c %}{{a}}{{forloop.index}}{{b.d}}{% endfor %}{{forloop.index}};{% endfor %}{{a.size}}{% endfor %}', { l: [[{ c: [7, 8], d: 'd' }]] }, '71d82d1;1'],
    ['a  {%- if true -%}  b  {%- endif -%}  c', {}, 'abc'],
    ['{% raw %}{{x}} {% if %}{% endraw %}{% comment %}{{ y }} {% if %}{% endcomment %}', {}, '{{x}} {% if %}'],
    ['{{ x | default: "d" }}{{ y | default: 3 }}{{ z | default: z2 | upcase }}', { y: '', z: null, z2: 'q' }, 'd3Q'],
    ['{{ l | join: ", " }} {{ o | json }} {{ t | strip | truncate: 5 }} {{ t | size }} {{ l | first }}{{ l | last }} {{ t | replace: "o", "0" | append: "!" }}', { l: ['a', 'b'], o: { a: [1] }, t: ' foo bar ' }, 'a, b {"a":[1]} fo... 9 ab  f00 bar !'],
    ['{{ ["empty"] }} {{ "{{" }} {{ \'it\' }}', { empty: 'x' }, 'x {{ it'],
  ])('%s', (content, variables, expected) => {
    expect(render(content, variables)).toBe(expected);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['{{a}} {{b}}', { x: 1 }, 'Prompt "p" needs {{a}} as text, number or boolean, which is missing; {{b}} as text, number or boolean, which is missing. Given: x.'],
    ['{{a}}', { a: ['x'] }, '{{a}} as text, number or boolean; given: a list'],
    ['{{a}}', { a: null }, '{{a}} as text, number or boolean; given: null'],
    ['{% for d in docs %}{{d.title}}{% endfor %}', { docs: [{ title: 'x' }, {}] }, '{{docs[1].title}} as text, number or boolean, which is missing'],
    ['{% for d in docs %}{{d}}{% endfor %}', { docs: 'x' }, '{{docs}} as list; given: text'],
    ['{% if a %}\n {{b.c}}{% endif %}', { a: 1, b: {} }, 'needs {{b.c}} at message 1, line 2, column 4, which is not given'],
    ['{% if a > 3 %}x{% endif %}', { a: 'x' }, 'at message 1, line 1, column 9 for text > a number, which cannot be compared'],
    ['{% for i in (1..n) %}x{% endfor %}', { n: 'many' }, '{{n}} at message 1, line 1, column 13, as a whole number; given: text'],
    ['{{ l | join }}', { l: [{ toString: 'x' }] }, '{{l[0]}} as text, number or boolean; given: an object'],
  ])('%s of %j names what is wrong', (content, variables, message) => {
    expect(() => render(content, variables)).toThrow(expect.objectContaining({ code: 'undefined_variable', message: expect.stringContaining(message) }));
  });

  it('includes other prompts, which see the variables of the first one and what is passed to them', () => {
    expect(render('{% render "tone" %} {% for d in docs %}{% render "prompts:/doc/2", text: d.t, docs: 3 %}{% endfor %}', { name: 'Ada', docs: [{ t: 'x' }, { t: 'y' }] }, {
      'tone@production': 'Be kind to {{name}}.', 'doc/2': '<{{text}} {{docs}}{% render "tone@production" %}>',
    })).toBe('Be kind to Ada. <x 3Be kind to Ada.><y 3Be kind to Ada.>');
    expect(() => render('{% render "tone" %}', {}, { 'tone@production': '{{name}}' })).toThrow('Prompt "tone@production" needs {{name}}');
    expect(() => render('{% for d in l %}{% render "tone" %}{% endfor %}', { l: [1] }, { 'tone@production': '{{d}}' })).toThrow('{{d}}');
    expect(render('{% if no %}{% render "tone" %}{% endif %}', {}, { 'tone@production': '{{name}}' })).toBe('');
  });

  /** LiquidJS' own renderer judges ours. */
  it('says what LiquidJS says', () => {
    const liquid = new Liquid({ lenientIf: true, strictVariables: true, ownPropertyOnly: true });
    const expression = fc.constantFrom('a', 'b', 'n', 'o.x', 'l[0]', 'l.size', 'o.l', '"s"', '2', 'true', 'nil', 'l', 'missing');
    const written = fc.constantFrom('{{a}}', '{{ b | upcase }}', '{{ o.x | append: a }}', '{{ l | join: "-" }}', '{{ missing | default: n }}', '{{ l | size }}', '{{ a | truncate: 2 }}', '{{ o | json }}', '{{ l | last }}', '{{ a | capitalize | replace: "x", b }}', ' - \n', '{{- n -}}', '{% raw %}{{{% endraw %}', '{% comment %}{{x}}{% endcomment %}');
    const test = fc.oneof(expression, fc.tuple(expression, fc.constantFrom('==', '!=', 'and', 'or'), expression).map((parts) => parts.join(' ')),
      fc.constantFrom('n > 1', 'n <= 2', 'a contains "x"', 'l contains n', 'a == empty', 'l != blank', 'missing == blank', 'not a', 'not n == 2', 'n == 1 and a or b', 'true or false and false'));
    const { template } = fc.letrec<{ template: string; part: string }>((tie) => ({
      template: fc.array(tie('part'), { maxLength: 4 }).map((parts) => parts.join('')),
      part: fc.oneof({ depthSize: 'small', withCrossShrink: true }, written,
        fc.tuple(test, tie('template'), test, tie('template')).map(([a, x, b, y]) => `{% if ${a} %}${x}{% elsif ${b} %}${y}{% else %}!{% endif %}`),
        fc.tuple(test, tie('template')).map(([a, x]) => `{% unless ${a} -%} ${x}{% endunless %}`),
        fc.tuple(expression, expression, tie('template'), tie('template')).map(([k, w, x, y]) => `{% case ${k} %}{% when ${w}, 2 %}${x}{% when "x" %}${y}{% else %}?{% endcase %}`),
        fc.tuple(fc.constantFrom('l', 'o.l', 'm', '(1..3)', '(n..2)'), fc.constantFrom('', ' reversed', ' limit: 2', ' offset: 1 limit: n'), tie('template')).map(([over, how, x]) => `{% for i in ${over}${how} %}{{i}}{{forloop.rindex0}}${x}{% else %}-{% endfor %}`)),
    }));
    const scalar = fc.oneof(fc.constantFrom('x', 'xy', '', ' ', '{{a}}'), fc.integer({ min: -1, max: 3 }), fc.boolean());
    const list = fc.array(scalar, { minLength: 1, maxLength: 3 });
    const variables = fc.record({ a: fc.constantFrom('x', 'xyz', ''), b: scalar, n: fc.integer({ min: 0, max: 3 }), l: list, m: fc.array(scalar, { maxLength: 2 }), o: fc.record({ x: scalar, l: list }) });
    fc.assert(fc.property(template, variables, (content, given) => {
      expect(render(content, given)).toBe(liquid.parseAndRenderSync(content, given));
    }), { numRuns: 300 });
  }, 60_000);

  it('takes no more than what the inferred schema asks for', () => {
    expect(schemaOf('{{name}} {{user.city}} {% if tone %}{{tone}} {{why}}{% endif %}{% for d in docs %}{{d.title}}{% if d.text %}{{d.text}}{% endif %}{{name2}}{% endfor %}{{ x | default: 1 }}{{ tags | join }}')).toEqual({
      type: 'object',
      properties: {
        name: { type: SCALAR }, name2: { type: SCALAR }, why: { type: SCALAR },
        tone: { type: [...SCALAR, 'null'] }, x: { type: [...SCALAR, 'null'] },
        user: { type: 'object', properties: { city: { type: SCALAR } }, required: ['city'] },
        docs: { type: 'array', items: { type: 'object', properties: { title: { type: SCALAR }, text: { type: [...SCALAR, 'null'] } }, required: ['title'] } },
        tags: { type: 'array', items: { type: SCALAR } },
      },
      required: ['docs', 'name', 'tags', 'user'],
    });
  });
});

describe('a template that cannot be read', () => {
  it.each([
    ['a\n {% if x %}', 'message 1, line 2, column 2: tag {% if x %} not closed'],
    ['{{ a b }}', 'two values stand beside each other'],
    ['{{ a | nope }}', 'there is no filter nope. There are append,'],
    ['{% assign a = 1 %}', 'there is no tag assign here. There are if,'],
    ['{% include "x" %}', 'there is no tag include'], ['{% layout "x" %}', 'no tag layout'], ['{% liquid echo a %}', 'no tag liquid'],
    ['{{#a}}x{{/a}}', 'Sections and partials are written {% if x %}'],
    ['{{a)}}', 'unexpected ")"'], ['{% if a, b %}{% endif %}', 'unexpected'], ['{{a', 'not closed'], ['{{}}', 'invalid value'],
    ['{% for a in b c %}{% endfor %}', 'for does not take "c"'], ['{% for a in "b" %}{% endfor %}', 'loops over a list'],
    ['{{ (1..3) }}', 'stands in {% for'], ['{{ [a].b }}', 'does not begin with the name of a variable'], ['{{ empty }}', 'words of the language'],
    ['{% render a %}', 'in quotes'], ['{% render "a@B!" %}', 'names no prompt'], ['{% render "a" x %}', 'x has no value'],
    ['{{ a | join: 1, 2 }}', 'takes 0 to 1 arguments'], ['{% if a >  %}{% endif %}', 'lacks'],
    [`${'{% if a %}'.repeat(60)}${'{% endif %}'.repeat(60)}`, 'nested more than 50 deep'], [`{{${'a['.repeat(60)}b${']'.repeat(60)}}}`, 'nested more than 50 deep'],
  ])('%s', (content, message) => {
    expect(() => newTemplates({ type: 'chat', messages: user(content) })).toThrow(expect.objectContaining({ code: 'bad_input', message: expect.stringContaining(message) }));
  });
});

describe('an input schema of the author\'s', () => {
  const given = (properties: Record<string, unknown>, rest: Record<string, unknown> = {}) => ({ type: 'object', properties, required: ['tone', 'docs'], ...rest });
  const content = '{{tone}} {% for d in docs %}{{d.t}}{% endfor %}{% if x %}{{x}}{% endif %}';
  const docs = { type: 'array', maxItems: 2 };

  it('is what variables are checked by', () => {
    const ready = readyPrompt(compileVersion(version('p', user(content), given({ tone: { enum: ['kind', 'stern'] }, docs, x: { type: 'integer' } }, { additionalProperties: false }))), new Map());
    expect(ready.render({ tone: 'kind', docs: [] })[0]!.content).toBe('kind ');
    for (const [variables, message] of [
      [{ tone: 'rude', docs: [] }, '{{tone}} as one of "kind", "stern"'], [{ tone: 'kind', docs: [1, 2, 3] }, '{{docs}} to hold: must NOT have more than 2 items'],
      [{ tone: 'kind', docs: [], x: 1.5 }, '{{x}} as whole number; given: a number'], [{ tone: 'kind', docs: [], y: 1 }, '{{y}} not to be given'], [{ tone: 'kind', docs: [1] }, '{{d.t}} at message 1'],
    ] as const) expect(() => ready.render(variables)).toThrow(message);
  });

  it.each<[Record<string, unknown>, string]>([
    [given({ tone: {}, docs }), 'at x: the template reads it'],
    [{ ...given({ tone: {}, docs, x: {} }), required: ['docs'] }, 'at tone: the template always reads it'],
    [given({ tone: {}, docs: { type: 'string' }, x: {} }), 'at docs: it asks for string, and the template reads it as array'],
    [given({ tone: { type: 'nope' }, docs, x: {} }), 'type'],
    [given({ tone: { pattern: '(a+)+$' }, docs, x: {} }), '"pattern" is not supported. Use enum'],
    [given({ tone: { $ref: '#' }, docs, x: {} }), '"$ref" is not supported'],
    [given({ tone: { default: 'x' }, docs, x: {} }), '"default" is not supported. Write {{ x | default'],
    [given({ tone: {}, docs: { type: 'array', items: { type: 'object', properties: { t: false } } }, x: {} }), 'at docs[].t: the template reads it, and the schema forbids it'],
    [{ type: 'array' }, 'its type is "object"'],
  ])('%j is refused', (inputSchema, message) => {
    expect(() => newTemplates({ type: 'chat', messages: user(content), inputSchema })).toThrow(expect.objectContaining({ code: 'bad_input', message: expect.stringContaining(message) }));
  });
});

describe('templates from before Liquid', () => {
  it.each([
    ['Hi {{name}} {{{ a }}} {{&b}} {{ c }}', 'Hi N A B C'],
    ['{{! why }}\nDear {{ name }}{{!, really}},\n  {{!x}} {{!y {{ {% } \n  {{!}}\n{{{a}}} and {{&a}} {{! end }}', 'Dear N,\nA and A '],
    ['Jinja: {% if x %} {{a}} {% endraw %}{%', 'Jinja: {% if x %} A {% endraw %}{%'],
    ['{{empty}} {{true}} {{not}} {{contains}}', 'E T O S'],
    ['{"a": {"b": {{a}}}} {', '{"a": {"b": A}} {'],
  ])('%s', (old, expected) => {
    expect(render(toLiquid(old), { name: 'N', a: 'A', b: 'B', c: 'C', empty: 'E', true: 'T', not: 'O', contains: 'S' })).toBe(expected);
  });
});
