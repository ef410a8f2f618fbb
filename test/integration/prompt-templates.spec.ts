import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { PromptService } from '../../src/prompts/prompt.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = `mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version type variables inputSchema includes { reference version { version } } } }`;
const RENDER = 'query ($ref: String!, $variables: JSONObject!) { renderPrompt(ref: $ref, variables: $variables) { role content } }';

describe('templates of prompts', () => {
  let gateway: Gateway;
  let prompts: PromptService;
  let ctx: RequestContext;
  beforeAll(async () => {
    gateway = await startGateway();
    prompts = gateway.app.get(PromptService);
    const [row] = await gateway.app.get(Database).platform.query<{ id: string }[]>("SELECT id FROM projects WHERE name = 'default'");
    ctx = RequestContext.forJob(row!.id, 'test');
  });
  afterAll(() => gateway.stop());

  const create = async (name: string, content: string, rest: object = {}) =>
    (await gateway.graphql(CREATE, { input: { name, type: 'text', messages: [{ role: 'user', content }], labels: ['production'], ...rest } }))['createPromptVersion'];
  const move = (name: string, version: number, labels = ['production']) => gateway.graphql(
    'mutation ($name: String!, $version: Int!, $labels: [String!]!) { setPromptLabels(name: $name, version: $version, labels: $labels) { version } }', { name, version, labels });
  const render = async (ref: string, variables: object = {}) =>
    ((await gateway.graphql(RENDER, { ref: `prompts:/${ref}`, variables }))['renderPrompt'] as { content: string }[]).map(({ content }) => content).join('|');

  it('loops, chooses, and infers a schema of what is read', async () => {
    const content = 'Hi {{ user.name }}.{% for d in docs %} {{ d }}{% endfor %}{% if tone %} Be {{ tone }}.{% endif %}';
    expect(await create('lists', content)).toMatchObject({
      variables: ['docs', 'tone', 'user'], includes: [],
      inputSchema: { type: 'object', required: ['docs', 'user'], properties: { docs: { type: 'array' }, user: { required: ['name'] } } },
    });
    expect(await render('lists', { user: { name: 'Ada' }, docs: ['a', 'b'] })).toBe('Hi Ada. a b');
    await expect(render('lists', { user: {}, docs: [['x']] })).rejects.toMatchObject({
      code: 'undefined_variable', errors: [{ message: expect.stringMatching(/\{\{docs\[0\]\}\}.*given: a list; \{\{user\.name\}\}.*missing/), extensions: { param: 'variables.docs[0]' } }],
    });
  });

  it('names message, line and column of what cannot be read', async () => {
    await expect(create('broken', '', { type: 'chat', messages: [{ role: 'system', content: 'fine' }, { role: 'user', content: 'a\n  {% if x %}' }] }))
      .rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('message 2, line 2, column 3') });
  });

  it('takes a tighter schema, and refuses one that does not fit', async () => {
    const schema = (properties: object) => ({ inputSchema: { type: 'object', properties, required: ['tone'], additionalProperties: false } });
    expect(await create('tight', '{{tone}}', schema({ tone: { enum: ['kind', 'stern'] } }))).toMatchObject({ inputSchema: { additionalProperties: false } });
    await expect(render('tight', { tone: 'rude' })).rejects.toMatchObject({ code: 'undefined_variable', message: expect.stringContaining('{{tone}} as one of "kind", "stern"') });
    await expect(create('tight', '{{tone}} {{x}}', schema({ tone: {} }))).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('at x') });
  });

  it.each(['text', 'image'])('a prompt of type %s has one message of role user', async (type) => {
    await create(`one/${type}`, 'A {{animal}}', { type });
    expect(await render(`one/${type}`, { animal: 'fox' })).toBe('A fox');
    for (const messages of [[{ role: 'system', content: 'x' }], [{ role: 'user', content: 'x' }, { role: 'user', content: 'y' }]]) {
      await expect(create(`two/${type}`, '', { type, messages })).rejects.toMatchObject({ code: 'bad_input' });
    }
    await expect(create(`one/${type}`, 'x', { type: 'chat' })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('includes other prompts by label and by version, and follows a label at once', async () => {
    await create('house/tone', 'Be kind to {{name}}.');
    await create('house/tone', 'Be stern with {{name}}.', { labels: [] });
    expect(await create('greet', '', { type: 'chat', messages: [{ role: 'system', content: '{% render "house/tone" %} {% render "house/tone/1", name: "all" %}' }, { role: 'user', content: '{{ask}}' }] }))
      .toMatchObject({ variables: ['ask'], includes: [{ reference: 'house/tone/1', version: { version: 1 } }, { reference: 'house/tone@production', version: { version: 1 } }] });
    const variables = { name: 'Ada', ask: 'why?' };
    expect(await render('greet', variables)).toBe('Be kind to Ada. Be kind to all.|why?');
    await move('house/tone', 2);
    expect(await render('greet', variables)).toBe('Be stern with Ada. Be kind to all.|why?');
    await expect(render('greet', { ask: 'x' })).rejects.toMatchObject({ code: 'undefined_variable', message: expect.stringContaining('"house/tone" needs {{name}}') });
    const ready = prompts.ready(ctx, 'greet', {});
    expect(ready).not.toBeInstanceOf(Promise);
    expect((await ready).included.map(({ version }) => version).sort()).toEqual([1, 2]);
  });

  it('keeps what was included when a run was asked for', async () => {
    await create('pinned/part', 'one');
    await create('pinned/whole', '<{% render "pinned/part" %}>');
    const { version, pins } = await prompts.readyRef(ctx, 'prompts:/pinned/whole');
    await create('pinned/part', 'two');
    expect(await render('pinned/whole')).toBe('<two>');
    expect((await prompts.pinned(ctx, version.id, pins)).render({})).toEqual([{ role: 'user', content: '<one>' }]);
  });

  it('refuses to include what is not there, is another tenant\'s, or is no text', async () => {
    await gateway.graphql(CREATE, { input: { name: 'theirs', type: 'text', messages: [{ role: 'user', content: 'secret' }], labels: ['production'] } }, gateway.otherKey);
    await create('a-chat', 'x', { type: 'chat' });
    for (const [name, code] of [['nowhere', 'not_found'], ['theirs', 'not_found'], ['a-chat@staging', 'not_found'], ['a-chat/7', 'not_found'], ['a-chat', 'bad_input']]) {
      await expect(create('lost', `{% render "${name!}" %}`)).rejects.toMatchObject({ code, message: expect.stringContaining(name!) });
    }
  });

  it('refuses cycles at creation and when a label moves, naming them', async () => {
    await create('cycle/a', 'a');
    await create('cycle/b', 'b {% render "cycle/a" %}');
    await create('cycle/a', 'a2 {% render "cycle/a" %}', { labels: [] });
    expect(await render('cycle/a/2')).toBe('a2 a');
    const message = expect.stringMatching(/cycle\/a\/2 \(by cycle\/a@production\) → cycle\/a\/2/);
    await expect(move('cycle/a', 2)).rejects.toMatchObject({ code: 'conflict', message });
    await expect(create('cycle/a', '{% render "cycle/b" %}')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('cycle/b/1 (by cycle/a@production)') });
    await expect(create('cycle/a', '{% render "cycle/a@latest" %}', { labels: [] })).rejects.toMatchObject({ code: 'conflict' });
    expect(await render('cycle/b')).toBe('b a');
  });

  describe('a label by which others include a prompt', () => {
    const remove = (name: string, labels: string[]) => gateway.graphql('mutation ($name: String!, $labels: [String!]!) { removePromptLabels(name: $name, labels: $labels) { id } }', { name, labels });
    const includedBy = async (name: string, version: number, args = '') => (await gateway.graphql(
      `query ($name: String!, $version: Int!) { prompt(name: $name, version: $version) { includedBy${args} { nodes { name version } pageInfo { hasNextPage endCursor } } } }`, { name, version }))['prompt'].includedBy;

    it('stays as long as one of them may be fetched', async () => {
      await create('held/part', 'part', { labels: ['production', 'staging'] });
      await create('held/whole', '<{% render "held/part" %}>');
      await create('held/old', '[{% render "held/part@staging" %}]', { labels: [] });
      await create('held/old', 'without', { labels: [] });
      await expect(remove('held/part', ['staging', 'production'])).rejects.toMatchObject({
        code: 'conflict', message: expect.stringContaining('held/whole/1 (by held/part@production)'), errors: [{ extensions: { param: 'labels' } }],
      });
      expect(await render('held/whole')).toBe('<part>');
      await remove('held/part', ['staging']);
      await create('held/whole', 'without', { labels: [] });
      await expect(remove('held/part', ['production'])).rejects.toMatchObject({ code: 'conflict' });
      await move('held/whole', 2);
      await remove('held/part', ['production']);
    });

    it('goes or is included, not both, when that is asked at once', async () => {
      for (let round = 0; round < 5; round += 1) {
        const [part, whole] = [`race/part${round}`, `race/whole${round}`];
        await create(part, 'part');
        const made = await Promise.allSettled([create(whole, `<{% render "${part}" %}>`), remove(part, ['production'])]);
        expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      }
    });

    it('shows who includes a version, by its number or by what names it now', async () => {
      await create('shared/part', 'one');
      for (const [index, reference] of ['shared/part', 'shared/part/1', 'shared/part@latest'].entries()) await create(`shared/by${index}`, `{% render "${reference}" %}`);
      const namesOf = (page: { nodes: { name: string }[] }) => page.nodes.map(({ name }) => name);
      expect(namesOf(await includedBy('shared/part', 1))).toEqual(['shared/by2', 'shared/by1', 'shared/by0']);
      const first = await includedBy('shared/part', 1, '(first: 2)');
      expect(first).toMatchObject({ nodes: [{ name: 'shared/by2' }, { name: 'shared/by1' }], pageInfo: { hasNextPage: true } });
      expect(await includedBy('shared/part', 1, `(first: 2, after: "${first.pageInfo.endCursor}")`)).toMatchObject({ nodes: [{ name: 'shared/by0' }], pageInfo: { hasNextPage: false } });
      await create('shared/part', 'two');
      expect(namesOf(await includedBy('shared/part', 1))).toEqual(['shared/by1']);
      expect(namesOf(await includedBy('shared/part', 2))).toEqual(['shared/by2', 'shared/by0']);
      expect(namesOf(await includedBy('shared/by0', 1))).toEqual([]);
    });
  });

  it('goes to files and back: includes, and a schema only where the author gave it', async () => {
    const inputSchema = { type: 'object', properties: { city: { type: 'string', maxLength: 20 } }, required: ['city'] };
    await create('files/part', 'of {{city}}', { inputSchema });
    await create('files/whole', 'The mayor {% render "files/part" %}{% if year %} in {{year}}{% endif %}.');
    const { exportPrompts } = await gateway.graphql('{ exportPrompts(label: "latest", filter: { folder: "files" }, orderBy: { field: name, direction: asc }) { nodes { path content } } }');
    const files = exportPrompts.nodes as { path: string; content: string }[];
    expect(files.map(({ content }) => content.includes('inputSchema'))).toEqual([true, false]);
    const bring = (key?: string) => gateway.graphql('mutation ($input: ImportPromptsInput!) { importPrompts(input: $input) { name outcome } }', { input: { files: files.toReversed() } }, key);
    expect((await bring())['importPrompts'].map((each: { outcome: string }) => each.outcome)).toEqual(['unchanged', 'unchanged']);
    await bring(gateway.otherKey);
    const { renderPrompt } = await gateway.graphql(RENDER, { ref: 'prompts:/files/whole', variables: { city: 'Rome' } }, gateway.otherKey);
    expect(renderPrompt[0].content).toBe('The mayor of Rome.');
    await expect(gateway.graphql(RENDER, { ref: 'prompts:/files/whole', variables: { city: 'R'.repeat(21) } }, gateway.otherKey)).rejects.toMatchObject({ code: 'undefined_variable', message: expect.stringContaining('20 characters') });
  });

  it('lets only one of two changes pass that make a cycle together', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [`both/a${round}`, `both/b${round}`];
      await create(a, 'a');
      await create(b, 'b');
      const made = await Promise.allSettled([create(a, `{% render "${b}" %}`), create(b, `{% render "${a}" %}`)]);
      expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await render(a)).toBe(made[0].status === 'fulfilled' ? 'b' : 'a');
    }
  });
});
