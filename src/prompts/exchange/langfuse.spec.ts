import fc from 'fast-check';
import { Liquid } from 'liquidjs';
import { describe, expect, it } from 'vitest';
import { readLangfuse } from './langfuse.js';
import { fromLangfuse } from './langfuse-template.js';

const read = (content: unknown, path = 'x.json') => readLangfuse({ path, content: typeof content === 'string' ? content : JSON.stringify(content, null, 2) });
const problem = (content: unknown, path = 'x.json') => { try { read(content, path); } catch (error) { return String(error); } return 'none'; };
/** As Langfuse's SDK fills in a prompt. */
const langfuseCompile = (template: string, variables: Record<string, string>) => template.replace(/\{\{\s*(\w+)\s*\}\}/g, (found, name: string) => (name in variables ? variables[name]! : found));

const HI = { id: 'x', name: 'greet', version: 2, type: 'text', prompt: 'Hi {{ name }}', config: { model: 'm' }, labels: ['production', 'latest'], tags: ['t'], commitMessage: 'shorter', createdAt: 'x', isActive: true };

describe("Langfuse's prompts", () => {
  it('are read as a list, {data}, one object or a line each, in the order of their versions', () => {
    const earlier = { ...HI, version: 1, prompt: 'Hello {{name}}', labels: [], commitMessage: null };
    for (const content of [[HI, earlier], { data: [HI, earlier], meta: {} }, `${JSON.stringify(HI)}\n\n${JSON.stringify(earlier)}\n`]) {
      const [prompt, ...others] = read(content);
      expect(others).toEqual([]);
      expect(prompt).toMatchObject({ name: 'greet', type: 'text', promptTags: ['t'] });
      expect(prompt!.versions.map((version) => ({ ...version, messages: version.messages(() => 0), lineOf: undefined }))).toEqual([
        { number: 1, messages: [{ role: 'user', content: 'Hello {{name}}' }], config: { model: 'm' }, inputSchema: null, tags: [], labels: [], commitMessage: null, lineOf: undefined },
        { number: 2, messages: [{ role: 'user', content: 'Hi {{name}}' }], config: { model: 'm' }, inputSchema: null, tags: [], labels: ['production'], commitMessage: 'shorter', lineOf: undefined },
      ]);
    }
    expect(read(HI)).toHaveLength(1);
  });

  it('name here what they include, by label and by the number here', () => {
    const [prompt] = read([{ name: 'My prompts/big one', prompt: [{ type: 'chatmessage', role: 'system', content: 'A @@@langfusePrompt:name=tone of voice|label=production@@@ b @@@langfusePrompt:name=x|version=7@@@' }] }]);
    expect([prompt!.name, prompt!.includes]).toEqual(['My-prompts/big-one', ['tone-of-voice', 'x']]);
    expect(prompt!.versions[0]!.messages((name, number) => (name === 'x' && number === 7 ? 2 : 0))).toEqual([{ role: 'system', content: 'A {% render "tone-of-voice@production" %} b {% render "x/2" %}' }]);
  });

  const piece = fc.constantFrom('{', '}', '{{', '}}', '{{a}}', '{{ a }}', '{{b}}', '%', '{%', '%}', '{{a.b}}', '{{#a}}', ' ', 'x', '{% raw %}', '{% endraw %}', '{{ "x" }}', '{{!a}}', '\n', '{{empty}}');
  it('render to the same text as in Langfuse', () => {
    const liquid = new Liquid();
    const variables: Record<string, string> = { a: 'A {{b}}', b: '{% x %}', empty: 'E' };
    for (let length = 1; length <= 12; length += 1) variables['x'.repeat(length)] = 'X'; // of pieces that stand side by side
    fc.assert(fc.property(fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')), (template) => {
      // ["empty"] is the words of our language; LiquidJS alone reads it as well.
      expect(liquid.parseAndRenderSync(fromLangfuse(template, () => ''), variables)).toBe(langfuseCompile(template, variables));
    }), { numRuns: 5000 });
  });

  it.each([
    ['placeholders', [{ name: 'p', prompt: [{ role: 'user', content: 'x' }, { type: 'placeholder', name: 'history' }] }], 'x.json:9: 0.prompt.1: it holds the placeholder "history"'],
    ['a role that is none', [HI, { name: 'p', prompt: [{ role: 'robot', content: 'x' }] }], '1.prompt.0.role: "robot" is no role'],
    ['the list', { data: [{ name: 'p', versions: [1, 2], labels: [] }] }, "this is of Langfuse's list"],
    ['a version twice', [HI, HI], 'version 2 of "greet" is there twice'],
    ['two types', [HI, { ...HI, version: 3, type: 'chat', prompt: [{ role: 'user', content: 'x' }] }], '"greet" is text in an earlier version'],
    ['a reference that is none', [{ name: 'p', prompt: '@@@langfusePrompt:name=x@@@' }], 'is not of the form'],
    ['a name that is none', [{ name: '!!', prompt: 'x' }], 'cannot be made a name'],
    ['a variable that is none', [{ name: 'p', prompt: 'a {{1}}' }], 'begins with a digit'],
    ['a config that is none', [{ name: 'p', prompt: 'a', config: 'x' }], '0.config: must be an object'],
    ['no prompt', [{ name: 'p' }], '0.prompt: must be a text or a list of messages'],
    ['nothing', '', 'x.json: The file is empty.'],
    ['no JSON', '[\n{"name": "p",\n]', 'x.json:3: This is no JSON'],
  ])('say where there is %s', (_, content, said) => {
    expect(problem(content)).toContain(said);
  });

  it('say the line of JSONL', () => {
    expect(problem(`${JSON.stringify(HI)}\n{"name": 1}\n`, 'x.jsonl')).toMatch(/^x\.jsonl:2: name: /);
    expect(problem(`${JSON.stringify(HI)}\n{"name": \n`, 'x.jsonl')).toMatch(/^x\.jsonl:2: This is no JSON/);
  });
});
