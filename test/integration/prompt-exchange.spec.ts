import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const IMPORT = 'mutation ($input: ImportPromptsInput!) { importPrompts(input: $input) { path name outcome version createdVersions movedLabels } }';
const EXPORT = 'query ($label: String!, $folder: String!) { exportPrompts(label: $label, filter: { folder: $folder }, orderBy: { field: name, direction: asc }) { nodes { path content } } }';

interface File { path: string; content: string }

describe('prompts as files', () => {
  let gateway: Gateway;
  let directory: string;
  beforeAll(async () => {
    gateway = await startGateway();
    directory = mkdtempSync(join(tmpdir(), 'triad-prompts-'));
  });
  afterAll(async () => {
    await gateway.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const bring = async (files: File[], more: object = {}, key = gateway.key) => (await gateway.graphql(IMPORT, { input: { files, ...more } }, key))['importPrompts'];
  const take = async (folder: string, label = 'latest'): Promise<File[]> => (await gateway.graphql(EXPORT, { label, folder }))['exportPrompts'].nodes;
  const fetch = async (name: string, by: object = { label: 'latest' }) => (await gateway.graphql('query ($name: String!, $label: String, $version: Int) { prompt(name: $name, label: $label, version: $version) { version type messages { role content } config tags labels commitMessage prompt { tags description } } }', { name, ...by }))['prompt'];
  const file = (name: string, text: string, head = ''): File => ({ path: `${name}.md`, content: `---\ntype: text\n${head}---\n${text}\n` });

  it('come out as they went in, and change nothing the second time', async () => {
    const messages = [{ role: 'system', content: '## user\n\\## user\r\n---\n' }, { role: 'user', content: '' }, { role: 'assistant', content: 'Grüße 😀\n\n\n' }];
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', { input: { name: 'rt/deep/chat', messages: [{ role: 'user', content: 'earlier' }], labels: ['old'] } });
    await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }', { input: { name: 'rt/deep/chat', messages, labels: ['production', 'b'], tags: ['t', '4'], config: { model: 'm', temperature: 0.5, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } } }, commitMessage: 'why\n: yes' } });
    await gateway.graphql('mutation { updatePrompt(name: "rt/deep/chat", description: "What it is", tags: ["p"]) { id } }');
    await bring([file('rt/text', 'Do {{x}}', 'labels: [production]\n')]);
    for (const [label, count] of [['latest', 2], ['production', 2], ['old', 1], ['none', 0]] as const) {
      const files = await take('rt', label);
      expect([label, files.length]).toEqual([label, count]);
      if (count > 0) expect((await bring(files)).map((each: { outcome: string }) => each.outcome)).toEqual(files.map(() => 'unchanged'));
    }
    // Into another project, and out of it again.
    const files = await take('rt');
    expect(await bring(files, {}, gateway.otherKey)).toMatchObject([{ name: 'rt/deep/chat', outcome: 'created', version: 1, movedLabels: ['b', 'production'] }, { name: 'rt/text', outcome: 'created', version: 1 }]);
    expect((await gateway.graphql(EXPORT, { label: 'latest', folder: 'rt' }, gateway.otherKey))['exportPrompts'].nodes).toEqual(files);
  });

  it('make a version only of what says something new, and move labels', async () => {
    expect(await bring([file('steps/a', 'one', 'labels: [production]\ncommitMessage: first\n')])).toEqual([{ path: 'steps/a.md', name: 'steps/a', outcome: 'created', version: 1, createdVersions: 1, movedLabels: ['production'] }]);
    expect(await bring([file('steps/a', 'two', 'labels: [staging]\n')], { commitMessage: 'given' })).toMatchObject([{ outcome: 'created', version: 2, movedLabels: ['staging'] }]);
    expect(await fetch('steps/a')).toMatchObject({ version: 2, commitMessage: 'given', labels: ['staging', 'latest'] });
    expect(await bring([file('steps/a', 'two', 'labels: [staging, production]\n')])).toMatchObject([{ outcome: 'changed', version: 2, createdVersions: 0, movedLabels: ['production'] }]);
    expect(await bring([file('steps/a', 'two', 'commitMessage: another word for it\n')])).toMatchObject([{ outcome: 'unchanged', version: 2 }]);
    expect(await bring([file('steps/a', 'two', 'description: now with one\npromptTags: [z, a]\n')])).toMatchObject([{ outcome: 'changed', version: 2 }]);
    expect((await fetch('steps/a')).prompt).toEqual({ description: 'now with one', tags: ['a', 'z'] });
    expect(await bring([file('steps/a', 'one')])).toMatchObject([{ outcome: 'created', version: 3 }]);
  });

  it('are brought all or none, naming file and line', async () => {
    const good = file('all/good', 'x');
    await expect(bring([good, file('all/bad', 'x', 'config:\n  temperature: 9\n')])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('all/bad.md:4: config.temperature') });
    await expect(bring([good, { path: 'all/worse.md', content: 'x' }, { path: 'all/worst.yaml', content: '{' }])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringMatching(/all\/worse\.md:1: [\s\S]*all\/worst\.yaml:1: /) });
    await expect(bring([good, good])).rejects.toMatchObject({ message: expect.stringContaining('is in all/good.md as well') });
    await expect(bring([good, file('all/label', 'x', 'labels:\n  - latest\n')])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('all/label.md:4: ') });
    await expect(bring([good, { path: 'all/../../x.md', content: good.content }])).rejects.toMatchObject({ message: expect.stringContaining('is not a name') });
    await bring([file('all/typed', 'x')]);
    await expect(bring([good, { path: 'all/typed.md', content: '---\ntype: chat\n---\n## user\nx' }])).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('all/typed.md:2: ') });
    await expect(fetch('all/good')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('may include each other, in whatever order they come, and tighten their variables', async () => {
    const files = [
      file('inc/a', 'A {% render "inc/b@production" %} {{x}}', 'inputSchema:\n  type: object\n  properties:\n    x: { type: string, maxLength: 3 }\n  required: [x]\n'),
      file('inc/b', 'B {% render "inc/c@production" %}', 'labels: [production]\n'), file('inc/c', 'C', 'labels: [production]\n'),
    ];
    expect((await bring(files)).map((each: { outcome: string }) => each.outcome)).toEqual(['created', 'created', 'created']);
    expect((await bring(await take('inc'))).map((each: { outcome: string }) => each.outcome)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(await gateway.graphql('{ renderPrompt(ref: "prompts:/inc/a@latest", variables: { x: "abc" }) { content } }')).toEqual({ renderPrompt: [{ content: 'A B C abc' }] });
    const [a, b] = await take('inc');
    expect([a!.content.includes('maxLength: 3'), b!.content.includes('inputSchema')]).toEqual([true, false]);
    await expect(bring([file('inc/c', '{% render "inc/a@latest" %}', 'labels: [production]\n')])).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/inc\/c\.md:\d+: .*without end/) });
    await expect(bring([file('inc/d', '{{ x | nope }}')])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('inc/d.md:4: The template cannot be read') });
  });

  it('are refused when Postgres could not hold them', async () => {
    for (const content of ['type: text\nprompt: "a\\0b"\n', 'type: text\nprompt: "a\\ud800b"\n', 'type: text\nprompt: x\nconfig: { "a\\0": 1 }\n', `type: text\nprompt: x\nconfig: ${'{a: '.repeat(5000)}`]) {
      await expect(bring([{ path: 'hostile.yaml', content }])).rejects.toMatchObject({ code: 'bad_input' });
    }
    await expect(bring([file('hostile', 'a\0b')])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('hostile.md:4: ') });
    await expect(bring([{ path: 'h.json', content: '[{"name": "h", "prompt": "a\\u0000b"}]' }])).rejects.toMatchObject({ code: 'bad_input' });
    await expect(bring([{ path: 'h.json', content: '['.repeat(100_000) }])).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('tell in a dry run what would be done, and do none of it', async () => {
    expect(await bring([file('dry/a', 'x', 'labels: [production]\n')], { dryRun: true })).toMatchObject([{ outcome: 'created', version: 1, movedLabels: ['production'] }]);
    await expect(fetch('dry/a')).rejects.toMatchObject({ code: 'not_found' });
    await expect(bring([file('dry/a', 'x'), file('all/typed', 'x', 'config: { n: 0 }\n')], { dryRun: true })).rejects.toMatchObject({ code: 'bad_input' });
    const { auditEntries } = await gateway.graphql('{ auditEntries(first: 2, filter: { operation: "importPrompts" }) { nodes { outcome changes { table } } } }');
    expect(auditEntries.nodes).toEqual([{ outcome: 'bad_input', changes: [] }, { outcome: 'ok', changes: [] }]);
  });

  it('keep to protected labels', async () => {
    const editor = (await gateway.graphql('mutation { createApiKey(name: "e", role: editor) { secret } }'))['createApiKey'].secret;
    await gateway.graphql('mutation { setProtectedPromptLabels(labels: ["gold"]) }');
    await expect(bring([file('gold/a', 'x', 'labels: [gold]\n')], {}, editor)).rejects.toMatchObject({ code: 'forbidden', message: expect.stringMatching(/gold\/a\.md:3: The label gold is protected/) });
    await bring([file('gold/a', 'x', 'labels: [gold]\n')]);
    expect(await bring([file('gold/a', 'x', 'labels: [gold]\n')], {}, editor)).toMatchObject([{ outcome: 'unchanged' }]);
  });

  it("come from Langfuse's API, versions in order, labels where they are, and again without a change", async () => {
    const version = (number: number, prompt: unknown, more: object = {}) => ({ id: `${number}`, name: 'Support bot/main', version: number, type: 'chat', prompt, config: { temperature: 0.1 * number }, labels: [], tags: ['lf'], commitMessage: null, projectId: 'p', isActive: true, ...more });
    const objects = [
      version(4, [{ type: 'chatmessage', role: 'system', content: 'Four of {{topic}}' }], { labels: ['latest', 'staging'], commitMessage: 'four' }),
      version(2, [{ role: 'system', content: 'Two' }], { labels: ['production'] }),
      version(3, [{ role: 'system', content: 'Three' }, { role: 'user', content: '{{question}}' }]),
      { name: 'tone', version: 7, type: 'text', prompt: 'Be kind. {% not a tag %}', config: {}, labels: ['production', 'latest'], tags: [], commitMessage: null },
    ];
    for (const [content, path] of [[JSON.stringify(objects), 'x.json'], [objects.map((each) => JSON.stringify(each)).join('\n'), 'x.jsonl'], [JSON.stringify({ data: objects, meta: { page: 1 } }), 'y.json']] as const) {
      const [bot, tone] = await bring([{ path, content }]);
      const isFirst = path === 'x.json';
      expect([bot, tone]).toMatchObject([{ name: 'Support-bot/main', version: 3, createdVersions: isFirst ? 3 : 0, outcome: isFirst ? 'created' : 'unchanged' }, { name: 'tone', version: 1, outcome: isFirst ? 'created' : 'unchanged' }]);
    }
    expect(await fetch('Support-bot/main', {})).toMatchObject({ version: 1, messages: [{ role: 'system', content: 'Two' }], config: { temperature: 0.2 }, labels: ['production'], prompt: { tags: ['lf'] } });
    expect(await fetch('Support-bot/main', { label: 'staging' })).toMatchObject({ version: 3, commitMessage: 'four', labels: ['staging', 'latest'] });
    expect(await bring([{ path: 'z.json', content: JSON.stringify([version(5, [{ role: 'user', content: 'Five' }], { labels: ['production'] })]) }])).toMatchObject([{ createdVersions: 1, version: 4, movedLabels: ['production'] }]);
    await expect(bring([{ path: 'p.json', content: JSON.stringify([version(1, [{ type: 'placeholder', name: 'history' }])], null, 1) }])).rejects.toMatchObject({ code: 'bad_input', message: expect.stringMatching(/p\.json:\d+: 0\.prompt\.0: it holds the placeholder "history"/) });
  });

  describe('by the command', () => {
    const run = (args: string[], env: object = {}) => new Promise<{ code: number; out: string }>((done) => {
      execFile(process.execPath, ['scripts/prompts.mjs', ...args], { env: { ...process.env, TRIAD_URL: gateway.url, TRIAD_API_KEY: gateway.key, ...env } }, (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, out: stdout + stderr }));
    });
    const below = (folder: string) => (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.md')).sort();

    it('go to a folder and come back', async () => {
      const folder = join(directory, 'repo');
      await bring(Array.from({ length: 120 }, (_, index) => file(`cmd/p${index}`, `text ${index}`)));
      expect(await run(['export', folder, '--folder', 'cmd'])).toMatchObject({ code: 0, out: expect.stringContaining('120 written, 0 unchanged.') });
      expect([below(folder).length, await run(['export', folder, '--folder', 'cmd'])]).toMatchObject([120, { out: '0 written, 120 unchanged.\n' }]);
      writeFileSync(join(folder, 'README.md'), '# Our prompts\n');
      mkdirSync(join(folder, '.git'));
      writeFileSync(join(folder, '.git/x.md'), 'no prompt');
      expect(await run(['import', folder])).toEqual({ code: 0, out: '0 changed, 120 unchanged.\n' });
      writeFileSync(join(folder, 'cmd/p3.md'), file('', 'changed', 'labels: [production]\n').content);
      expect(await run(['import', folder, '--dry-run'])).toEqual({ code: 0, out: 'cmd/p3.md: cmd/p3, version 2, labels production\n1 would change, 119 unchanged.\n' });
      expect(await run(['import', folder, '--message', 'From Git'])).toMatchObject({ code: 0, out: expect.stringContaining('1 changed, 119 unchanged.') });
      expect(await fetch('cmd/p3')).toMatchObject({ version: 2, commitMessage: 'From Git', messages: [{ content: 'changed' }] });
      writeFileSync(join(folder, 'cmd/p3.md'), '---\ntype: image?\n---\n');
      expect(await run(['import', folder])).toMatchObject({ code: 1, out: expect.stringContaining('cmd/p3.md:2: type: ') });
    });

    it('say what is lacking', async () => {
      expect(await run([])).toMatchObject({ code: 1, out: expect.stringContaining('npm run prompts -- export') });
      expect(await run(['export', join(directory, 'x')], { TRIAD_API_KEY: '' })).toMatchObject({ code: 1, out: expect.stringContaining('TRIAD_API_KEY') });
      expect(await run(['export', join(directory, 'x')], { TRIAD_API_KEY: 'triad_wrong' })).toMatchObject({ code: 1 });
      expect(await run(['export', join(directory, 'x')], { TRIAD_URL: 'http://127.0.0.1:9' })).toMatchObject({ code: 1, out: expect.stringContaining('does not answer') });
      expect(await run(['import', join(directory, 'absent')])).toMatchObject({ code: 1, out: expect.stringContaining('There is no') });
    });

    describe('from a server that is not to be trusted', () => {
      let server: Server;
      let path: string;
      beforeAll(async () => {
        server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ data: { exportPrompts: { nodes: [{ path, content: 'evil' }], pageInfo: { hasNextPage: false } } } })));
        await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
      });
      afterAll(() => { server.close(); });

      it.each(['../out.md', '/tmp/triad-out.md', 'a/../../out.md', '..\\out.md', '.git/hooks/post-checkout', 'C:\\out.md', 'linked/out.md', 'a//b.md', ''])('nothing is written at %j', async (evil) => {
        path = evil;
        const folder = join(directory, 'victim/inner');
        mkdirSync(folder, { recursive: true });
        mkdirSync(join(directory, 'elsewhere'), { recursive: true });
        if (!existsSync(join(folder, 'linked'))) symlinkSync(join(directory, 'elsewhere'), join(folder, 'linked'));
        expect(await run(['export', folder], { TRIAD_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })).toMatchObject({ code: 1 });
        expect([below(join(directory, 'victim')), readdirSync(join(directory, 'elsewhere')), existsSync(join(directory, 'victim/out.md')), existsSync(join(directory, 'out.md')), existsSync('/tmp/triad-out.md'), existsSync('out.md')]).toEqual([[], [], false, false, false, false]);
      });
    });
  });

  it('say what a page of many holds', async () => {
    const { exportPrompts } = await gateway.graphql('{ exportPrompts(first: 3) { nodes { path } pageInfo { hasNextPage } } }');
    expect(exportPrompts).toMatchObject({ nodes: [{}, {}, {}], pageInfo: { hasNextPage: true } });
  });
});
