import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileProblem } from './imported.js';
import { readPromptFile, writePromptFile, type WrittenPrompt } from './prompt-file.js';

const PLAIN: WrittenPrompt = { name: 'house/call', type: 'chat', messages: [{ role: 'system', content: 'You are kind.' }, { role: 'user', content: 'Do: {{sentence}}' }], config: {}, inputSchema: null, tags: [], labels: [], commitMessage: null, description: null, promptTags: [] };

const read = (path: string, content: string) => readPromptFile({ path, content });
function written({ name, content }: { name: string; content: string }): WrittenPrompt {
  const { description, promptTags, type, versions: [version] } = read(`${name}.md`, content);
  const { messages, config, inputSchema, tags, labels, commitMessage } = version!;
  return { name, type, messages: messages(() => 0), config, inputSchema, tags, labels, commitMessage, description: description ?? null, promptTags: promptTags ?? [] };
}
const roundTrip = (prompt: WrittenPrompt) => written({ name: prompt.name, content: writePromptFile(prompt).content });
const problem = (path: string, content: string) => { try { read(path, content); } catch (error) { return String(error); } return 'none'; };

describe('a prompt as a file', () => {
  it('is easy to read', () => {
    expect(writePromptFile({ ...PLAIN, labels: ['production'], config: { model: 'gpt-5', temperature: 0.2 }, commitMessage: 'Kinder\n\nSee the notes.' })).toEqual({ path: 'house/call.md', content: `---
type: chat
labels:
  - production
commitMessage: |-
  Kinder

  See the notes.
config:
  model: gpt-5
  temperature: 0.2
---
## system

You are kind.

## user

Do: {{sentence}}
` });
    expect(writePromptFile({ ...PLAIN, type: 'text', messages: [{ role: 'user', content: 'Do it.' }] }).content).toBe('---\ntype: text\n---\nDo it.\n');
  });

  /** Postgres holds no NUL. */
  const storable = (text: string) => text.replaceAll('\0', '');
  const tricky = fc.constantFrom('## user', '\\## user', '\\\\## system', '## User:', '##assistant', '## user\r', ' ## user', '---', '...', '', '\r', '```', '{{x}}', '\\', '# h', '## tools', '## user ## user');
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.array(tricky, { maxLength: 8 }).map((lines) => lines.join('\n')), fc.array(tricky, { maxLength: 5 }).map((lines) => lines.join('\r\n'))).map(storable);
  const json = fc.dictionary(fc.oneof(fc.string(), tricky), fc.jsonValue(), { maxKeys: 4 }).map((value) => JSON.parse(storable(JSON.stringify(value))) as Record<string, unknown>);
  const prompt = fc.record<WrittenPrompt>({
    name: fc.constant('a/b'), type: fc.constantFrom('text', 'chat'), config: json, inputSchema: fc.option(json), tags: fc.array(text, { maxLength: 3 }), labels: fc.array(fc.constantFrom('production', '1', 'true', 'null', '-', '.', '0x1', '1e3'), { maxLength: 3 }),
    messages: fc.array(fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text }), { minLength: 1, maxLength: 5 }), commitMessage: fc.option(text), description: fc.option(text), promptTags: fc.array(text, { maxLength: 2 }),
  }).map((made): WrittenPrompt => (made.type === 'chat' ? made : { ...made, messages: [{ role: 'user', content: made.messages[0]!.content }] }));

  it('comes back as it was, whatever it holds', () => {
    fc.assert(fc.property(prompt, (made) => { expect(roundTrip(made)).toEqual(made); }), { numRuns: 1000 });
  }, 60_000);

  it('comes back from a checkout that made its lines CRLF, if it had none', () => {
    const content = writePromptFile(PLAIN).content.replaceAll('\n', '\r\n');
    expect(written({ name: PLAIN.name, content })).toEqual(PLAIN);
    expect(written({ name: PLAIN.name, content: `\ufeff${content}` })).toEqual(PLAIN);
  });

  it('may be written by hand', () => {
    const byHand = read('a.md', '---\ntags: [x]\n---\n##System:\nBe kind.\n## user\nHi\n\nthere');
    expect([byHand.type, byHand.versions[0]!.messages(() => 0)]).toEqual(['chat', [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'Hi\n\nthere' }]]);
    const yaml = read('a/b.yaml', 'type: text\nprompt: |\n  Do it.\n  Now.\nconfig: { temperature: 0 }\n');
    expect([yaml.name, yaml.versions[0]!.messages(() => 0), yaml.versions[0]!.config]).toEqual(['a/b', [{ role: 'user', content: 'Do it.\nNow.\n' }], { temperature: 0 }]);
    expect(read('c.yml', 'messages:\n  - { role: user, content: "x" }\n').versions[0]!.messages(() => 0)).toEqual([{ role: 'user', content: 'x' }]);
    expect(read('d.md', '---\n---\n## user\nx').versions[0]!.messages(() => 0)).toEqual([{ role: 'user', content: 'x' }]);
  });

  it.each([
    ['no front matter', 'a.md', '# Notes\n', 'a.md:1: A prompt starts with its front matter'],
    ['an end that is not there', 'a.md', '---\ntype: chat\n', 'a.md:1:'],
    ['no YAML', 'a.md', '---\ntype: chat\nconfig: {a\n---\n', 'a.md:4: This is no YAML'],
    ['a key twice', 'a.md', '---\ntype: chat\ntype: text\n---\n', 'a.md:3: This is no YAML: the key "type" is there twice'],
    ['an unknown key', 'a.md', '---\ntype: chat\nlabel: x\n---\n', 'a.md:3: Unrecognized key: "label"'],
    ['a wrong value', 'a.md', '---\nlabels:\n  - production\n  - 4\n---\n## user\nx', 'a.md:4: labels.1: Invalid input: expected string, received number'],
    ['text before the first heading', 'a.md', '---\ntype: chat\n---\n\nHello\n', 'a.md:5: A chat prompt starts with a heading'],
    ['no message', 'a.md', '---\ntype: chat\n---\n', 'a.md:4: A chat prompt needs a message'],
    ['a number that is none', 'a.md', '---\nconfig: { seed: .nan }\n---\n## user\nx', 'a.md: seed is NaN'],
    ['aliases', 'a.md', '---\nconfig: { a: &x [1], b: *x }\n---\n## user\nx', 'a.md: It uses YAML'],
    ['a name that is none', '../a.md', '---\n---\n', '../a.md: "../a" is not a name'],
    ['an absolute path', '/etc/passwd.md', '---\n---\n', 'is not a name'],
    ['a hidden file', 'x/.a.md', '---\n---\n', 'is not a name'],
    ['both forms', 'a.yaml', 'type: text\nprompt: a\nmessages: [{ role: user, content: b }]\n', 'a.yaml:1: A prompt of type text'],
    ['a role that is none', 'a.yaml', 'messages:\n  - role: robot\n    content: b\n', 'a.yaml:2: messages.0.role'],
  ])('says where there is %s', (_, path, content, said) => {
    expect(problem(path, content)).toContain(said);
    expect(() => read(path, content)).toThrow(FileProblem);
  });
});
