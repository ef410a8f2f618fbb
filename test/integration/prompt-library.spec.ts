import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import { LineageService } from '../../src/models/lineage.service.js';
import { PromptEntity, PromptVersionEntity } from '../../src/prompts/prompt.entity.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';

const CREATE = 'mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id version } }';
const FOLDER = 'query ($path: String!, $after: String) { promptFolder(path: $path) { path promptCount folders(first: 2, after: $after) { nodes { path promptCount folders { nodes { path } } } pageInfo { endCursor hasNextPage } } prompts(orderBy: { field: name, direction: asc }) { nodes { name } } } }';

describe('the prompt library', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const create = (name: string, content: string, more: object = {}, key = gateway.key) =>
    gateway.graphql(CREATE, { input: { name, messages: [{ role: 'user', content }], ...more } }, key).then((made) => made['createPromptVersion']);
  const names = async (filter: object, key = gateway.key): Promise<string[]> =>
    (await gateway.graphql('query ($filter: PromptFilter) { prompts(filter: $filter, orderBy: { field: name, direction: asc }) { nodes { name } } }', { filter }, key))['prompts'].nodes.map((node: { name: string }) => node.name);
  const keyOf = async (role: string): Promise<string> => (await gateway.graphql('mutation ($role: Role!) { createApiKey(name: "r", role: $role) { secret } }', { role }))['createApiKey'].secret;

  it('shows folders level by level, in order, a page at a time', async () => {
    for (const name of ['tree/a', 'tree/a/x', 'tree/a/b/y', 'tree/a-b/z', 'tree/c/d/e/f', 'tree/q', 'treetop/r']) await create(name, 'x');
    const { promptFolder: first } = await gateway.graphql(FOLDER, { path: 'tree' });
    expect(first).toMatchObject({ path: 'tree', promptCount: 6, prompts: { nodes: [{ name: 'tree/a' }, { name: 'tree/q' }] } });
    expect(first.folders.nodes).toEqual([
      { path: 'tree/a-b', promptCount: 1, folders: { nodes: [] } }, { path: 'tree/a', promptCount: 2, folders: { nodes: [{ path: 'tree/a/b' }] } },
    ]);
    const { promptFolder: second } = await gateway.graphql(FOLDER, { path: 'tree', after: first.folders.pageInfo.endCursor });
    expect([first.folders.pageInfo.hasNextPage, second.folders.nodes.map((node: { path: string }) => node.path), second.folders.pageInfo.hasNextPage]).toEqual([true, ['tree/c'], false]);
    const { promptFolder: root } = await gateway.graphql(FOLDER, { path: '' });
    expect(root.folders.nodes.map((node: { path: string }) => node.path)).toEqual(['tree', 'treetop']);
    expect(await names({ folder: 'tree/a' })).toEqual(['tree/a/b/y', 'tree/a/x']);
    expect((await gateway.graphql(FOLDER, { path: 'nothing/here' }))['promptFolder']).toMatchObject({ promptCount: 0, folders: { nodes: [] }, prompts: { nodes: [] } });
    await expect(gateway.graphql(FOLDER, { path: '/tree/' })).rejects.toMatchObject({ code: 'bad_input' });
    expect((await gateway.graphql(FOLDER, { path: 'tree' }, gateway.otherKey))['promptFolder'].promptCount).toBe(0);
  });

  it('finds words of any version, and beginnings of words, of this project only', async () => {
    await create('find/alpha', 'The zebra_crossing is {{colour}}', { commitMessage: "Don't stop", tags: ['Traffic'] });
    await create('find/alpha', 'Nothing of it');
    await create('find/beta', 'Grüße an die Zeppelinstraße');
    await gateway.graphql('mutation { updatePrompt(name: "find/beta", description: "About airships", tags: ["old", "fliegt"]) { name } }');
    for (const [search, found] of [
      ['zebra', ['find/alpha']], ['CROSS colou', ['find/alpha']], ["don't", ['find/alpha']], ['traffic', ['find/alpha']], ['find', ['find/alpha', 'find/beta']],
      ['zeppelinstraß', ['find/beta']], ['airsh flieg', ['find/beta']], ['zebra grüße', []], ['user', []], ["' | !& :* <-> \\", []], ['', []], ['prj_', []],
    ] as const) expect([search, await names({ search })]).toEqual([search, found]);
    expect(await names({ search: 'zebra' }, gateway.otherKey)).toEqual([]);
    expect(await names({ search: 'zebra', folder: 'tree' })).toEqual([]);
    expect(await names({ tag: 'fliegt' })).toEqual(['find/beta']);
  });

  it('reads an index to search, where the tenant\'s own role could not', async () => {
    const { projectId } = await contextOf(gateway);
    const platform = gateway.app.get(Database).platform;
    await platform.query(`INSERT INTO prompts (id, project_id, name, type, folder, latest_version) SELECT 'prm_bulk' || n, $1, 'bulk/p' || n, 'chat', 'bulk/', 10 FROM generate_series(1, 300) n`, [projectId]);
    await platform.query(`INSERT INTO prompt_versions (id, project_id, prompt_id, name, type, version, messages, variables, config, tags, created_by${await hasColumn('prompt_versions', 'input_schema') ? ', input_schema, includes' : ''})
      SELECT 'prmv_bulk' || n || '_' || v, $1, 'prm_bulk' || n, 'bulk/p' || n, 'chat', v, jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'common word' || n)), '{}', '{}', '{}', 'key:x'${await hasColumn('prompt_versions', 'input_schema') ? ", '{}', '{}'" : ''}
      FROM generate_series(1, 300) n, generate_series(1, 10) v`, [projectId]);
    await platform.query('ANALYZE prompt_versions');
    const plan = (await platform.query<{ 'QUERY PLAN': string }[]>(`EXPLAIN SELECT prompt_id FROM prompt_versions v WHERE triad_version_words(v.project_id, v.name, v.tags, v.commit_message, v.messages) @@ to_tsquery('simple', 'word77:*')`)).map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('prompt_versions_words');
    expect(await names({ search: 'word77' })).toEqual(['bulk/p77']);
    expect((await gateway.graphql(FOLDER, { path: 'bulk' }))['promptFolder'].promptCount).toBe(300);
  });
  const hasColumn = async (table: string, column: string): Promise<boolean> =>
    (await gateway.app.get(Database).platform.query<unknown[]>('SELECT FROM information_schema.columns WHERE table_name = $1 AND column_name = $2', [table, column])).length > 0;

  it('archives: out of sight, still read, not changed', async () => {
    await create('old/one', 'x', { labels: ['production'] });
    expect(await gateway.graphql('mutation { archivePrompt(name: "old/one") { name archivedAt labels { label version } } }')).toMatchObject({ archivePrompt: { name: 'old/one', archivedAt: expect.any(String), labels: [{ label: 'production', version: 1 }] } });
    expect([await names({ folder: 'old' }), await names({ folder: 'old', archived: true }), await names({ search: 'old one' })]).toEqual([[], ['old/one'], []]);
    expect((await gateway.graphql(FOLDER, { path: 'old' }))['promptFolder'].promptCount).toBe(0);
    for (const by of ['', ', version: 1', ', label: "production"']) expect(await gateway.graphql(`{ prompt(name: "old/one"${by}) { version prompt { archivedAt } } }`)).toEqual({ prompt: { version: 1, prompt: { archivedAt: expect.any(String) } } });
    for (const change of ['setPromptLabels(name: "old/one", version: 1, labels: ["x"]) { id }', 'removePromptLabels(name: "old/one", labels: ["production"]) { id }', 'updatePrompt(name: "old/one", tags: []) { id }',
      'createPromptVersion(input: { name: "old/one", messages: [{ role: user, content: "y" }] }) { id }']) {
      await expect(gateway.graphql(`mutation { ${change} }`)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('unarchivePrompt') });
    }
    await gateway.graphql('mutation { unarchivePrompt(name: "old/one") { name } }');
    expect([await names({ folder: 'old' }), (await create('old/one', 'y')).version]).toEqual([['old/one'], 2]);
    await expect(gateway.graphql('mutation { archivePrompt(name: "none") { name } }')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('takes labels off', async () => {
    await create('labels/p', 'x', { labels: ['production', 'b'] });
    expect(await gateway.graphql('mutation { removePromptLabels(name: "labels/p", labels: ["production"]) { labels { label } } }')).toEqual({ removePromptLabels: { labels: [{ label: 'b' }] } });
    await expect(gateway.graphql('{ prompt(name: "labels/p") { id } }')).rejects.toMatchObject({ code: 'not_found' });
    await expect(gateway.graphql('mutation { removePromptLabels(name: "labels/p", labels: ["production"]) { id } }')).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('carries b') });
    expect(await names({ label: 'b' })).toEqual(['labels/p']);
  });

  it('lets only deployers move protected labels', async () => {
    const [editor, deployer] = [await keyOf('editor'), await keyOf('deployer')];
    await create('guarded', 'x', { labels: ['production', 'staging'] }, editor);
    await expect(gateway.graphql('mutation { setProtectedPromptLabels(labels: ["production"]) }', {}, deployer)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await gateway.graphql('mutation { setProtectedPromptLabels(labels: ["production", "gold", "production"]) }')).toEqual({ setProtectedPromptLabels: ['gold', 'production'] });
    const refused = { code: 'forbidden', message: expect.stringMatching(/label production is protected.*role deployer.*role editor/) };
    await expect(create('guarded', 'y', { labels: ['staging', 'production'] }, editor)).rejects.toMatchObject(refused);
    await expect(gateway.graphql('mutation { setPromptLabels(name: "guarded", version: 1, labels: ["production"]) { id } }', {}, editor)).rejects.toMatchObject(refused);
    await expect(gateway.graphql('mutation { removePromptLabels(name: "guarded", labels: ["production"]) { id } }', {}, editor)).rejects.toMatchObject(refused);
    expect((await create('guarded', 'y', { labels: ['staging'] }, editor)).version).toBe(2);
    expect((await create('guarded', 'z', { labels: ['production'] }, deployer)).version).toBe(3);
    expect(await gateway.graphql('mutation { setProtectedPromptLabels(labels: []) }')).toEqual({ setProtectedPromptLabels: [] });
    expect((await create('guarded', 'w', { labels: ['production'] }, editor)).version).toBe(4);
    await expect(gateway.graphql('mutation { setProtectedPromptLabels(labels: ["latest"]) }')).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('refuses a config that is wrong, by its path, and keeps what it does not know', async () => {
    await expect(create('config', 'x', { config: { tools: [{ type: 'function', function: { name: 'a b' } }] } })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('config.tools[0].function.name') });
    await create('config', 'x', { config: { temperature: 0, 'x.y': [{ z: null }] } });
    expect(await gateway.graphql('{ prompt(name: "config", version: 1) { config } }')).toEqual({ prompt: { config: { temperature: 0, 'x.y': [{ z: null }] } } });
  });

  it('compares any two versions', async () => {
    await create('diff/a', 'Say hello to {{name}}.', { config: { temperature: 0.1, tools: [] }, tags: ['x'], labels: ['production'] });
    await create('diff/a', 'Say hello and bye to {{name}}.', { config: { temperature: 0.2, seed: 1, tools: [] }, tags: ['y'] });
    const { promptDiff } = await gateway.graphql(`{ promptDiff(from: "prompts:/diff/a", to: "prompts:/diff/a@latest") { equal from { version } to { version } messages { kind from to hunks { kind text } } config { kind pointer from to } addedTags removedTags } }`);
    expect(promptDiff).toEqual({
      equal: false, from: { version: 1 }, to: { version: 2 }, addedTags: ['y'], removedTags: ['x'],
      messages: [{ kind: 'changed', from: 0, to: 0, hunks: [{ kind: 'equal', text: 'Say hello ' }, { kind: 'added', text: 'and bye ' }, { kind: 'equal', text: 'to {{name}}.' }] }],
      config: expect.arrayContaining([{ kind: 'changed', pointer: '/temperature', from: 0.1, to: 0.2 }, { kind: 'added', pointer: '/seed', from: null, to: 1 }]),
    });
    expect(await gateway.graphql('{ promptDiff(from: "prompts:/diff/a/1", to: "prompts:/diff/a/1") { equal messages { kind } config { kind } } }')).toEqual({ promptDiff: { equal: true, messages: [{ kind: 'equal' }], config: [] } });
    await expect(gateway.graphql('{ promptDiff(from: "prompts:/diff/a/1", to: "prompts:/none") { equal } }')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('tells what came of a version, near and far, the newest first', async () => {
    const { id } = await create('used', 'x');
    const ctx = await contextOf(gateway);
    const lineage = gateway.app.get(LineageService);
    const manager = gateway.app.get(Database).platform;
    const versions = Array.from({ length: 12 }, (_, index) => ({ id: newId('prmv'), index }));
    // Any two nodes may stand in for a run and what came of it.
    await manager.insert(PromptEntity, { id: 'prm_use', projectId: ctx.projectId, name: 'used/by', type: 'chat' });
    for (const { id: made, index } of versions) {
      await manager.insert(PromptVersionEntity, { ...(await manager.findOneByOrFail(PromptVersionEntity, { id })), id: made, promptId: 'prm_use', name: 'used/by', version: index + 1 } as object);
    }
    await lineage.link(ctx, versions.map((to, index) => ({ from: { type: 'prompt_version' as const, id: index === 0 ? id : versions[index - 1]!.id }, to: { type: 'prompt_version' as const, id: to.id }, relation: 'data_derived' as const })));
    await lineage.link(ctx, [{ from: { type: 'prompt_version', id: versions.at(-1)!.id }, to: { type: 'prompt_version', id: versions[0]!.id }, relation: 'data_derived' }]);
    const { prompt } = await gateway.graphql('{ prompt(name: "used", version: 1) { use { type count newest { label } } } }');
    expect(prompt.use).toEqual([{ type: 'prompt_version', count: 12, newest: Array.from({ length: 10 }, (_, index) => ({ label: `used/by/${12 - index} (prompt)` })) }]);
    expect((await gateway.graphql('{ prompt(name: "config", version: 1) { use { type } } }'))['prompt'].use).toEqual([]);
  });
});
