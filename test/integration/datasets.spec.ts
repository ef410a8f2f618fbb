import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProjectEntity } from '../../src/auth/auth.entity.js';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { DatasetService } from '../../src/datasets/dataset.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = `mutation ($input: CreateDatasetVersionInput!) {
  createDatasetVersion(input: $input) { id name version rows holdout holdoutRows sealed sha256 licence format fileId } }`;
const PREVIEW = `query ($ref: String!, $first: Int!, $after: String) {
  dataset(ref: $ref) { name version preview(first: $first, after: $after) { nodes { index row } pageInfo { hasNextPage endCursor } } } }`;

const jsonl = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const sentences = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => ({ input: { sentence: `turn on lamp ${from + index}` }, completion: `on(lamp ${from + index})` }));

describe('datasets', () => {
  let gateway: Gateway;
  let openai: OpenAI;
  let datasets: DatasetService;
  let ctx: RequestContext;

  const upload = async (rows: unknown[], key = gateway.key) =>
    (await new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1` }).files.create({ file: new File([jsonl(rows)], 'rows.jsonl'), purpose: 'fine-tune' })).id;
  const create = async (name: string, rows: unknown[], input: object = {}) => {
    const { createDatasetVersion } = await gateway.graphql(CREATE, { input: { name, fileId: await upload(rows), format: 'sft', licence: 'own', ...input } });
    return createDatasetVersion as { id: string; version: number; fileId: string; [field: string]: unknown };
  };
  const leftovers = () => ['files', 'datasets'].flatMap((directory) => {
    try { return readdirSync(join(gateway.home, directory)); } catch { return []; }
  }).filter((name) => /partial|draft/.test(name));

  beforeAll(async () => {
    gateway = await startGateway();
    openai = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    datasets = gateway.app.get(DatasetService);
    ctx = RequestContext.forJob((await gateway.app.get(Database).platform.findOneByOrFail(ProjectEntity, { name: 'default' })).id, 'test');
  });
  afterAll(() => gateway.stop());

  describe('versions', () => {
    it('are immutable, numbered, and the same for the same content and settings', async () => {
      const first = await create('lamps', sentences(0, 10), { licence: 'CC-BY-4.0' });
      expect(first).toMatchObject({ version: 1, rows: 10, holdoutRows: 0, sealed: false, licence: 'cc-by-4.0', format: 'sft' });
      // Another file with the same rows in another spelling.
      const again = await create('lamps', sentences(0, 10).map(({ input, completion }) => ({ completion, input })), { licence: 'cc-by-4.0' });
      expect(again.id).toBe(first.id);
      expect(await create('lamps', sentences(0, 11), { licence: 'cc-by-4.0' })).toMatchObject({ version: 2, rows: 11 });
      expect(await create('lamps', sentences(0, 10), { licence: 'cc-by-4.0', holdout: 0.2 })).toMatchObject({ version: 3, sha256: first['sha256'] });
      const twice = await Promise.all(Array.from({ length: 5 }, () => create('parallel', sentences(0, 5))));
      expect(new Set(twice.map((version) => version.id)).size).toBe(1);
    });

    it('shows rows page by page', async () => {
      await create('pages', sentences(0, 5));
      const page = (after?: string) => gateway.graphql(PREVIEW, { ref: 'datasets:/pages@latest', first: 2, after }).then((data) => data['dataset'].preview);
      const first = await page();
      expect(first.nodes[1]).toEqual({ index: 1, row: { input: { sentence: 'turn on lamp 1' }, completion: 'on(lamp 1)' } });
      const second = await page(first.pageInfo.endCursor);
      const third = await page(second.pageInfo.endCursor);
      expect([second.nodes.map((node: { index: number }) => node.index), third.nodes.length, third.pageInfo.hasNextPage]).toEqual([[2, 3], 1, false]);
    });

    it('name every line and column that is wrong, up to five', async () => {
      const rows = [...sentences(0, 2), { input: { sentence: ['x'] }, completion: 'y' }, { prompt: 'x', completion: '' }, { text: 'x' }, { prompt: 'x', completion: 5 }, { completion: 'x' }, { prompt: '' , completion: 'x' }];
      await expect(create('wrong', rows)).rejects.toMatchObject({ code: 'bad_data', message: expect.stringMatching(
        /^bad_data: rows\.jsonl, line 3: column input\.sentence must be text, number or boolean\.\nline 4: column completion is empty\.\nline 5: is no sft row.*\nline 6: column completion must be text.*\nline 7: column prompt is missing.*$/) });
      await expect(gateway.graphql(PREVIEW, { ref: 'datasets:/wrong', first: 1 })).rejects.toMatchObject({ code: 'not_found' });
      expect(leftovers()).toEqual([]);
    });

    it('keep to one format, a known licence, a share, a source that exists', async () => {
      await create('one-format', sentences(0, 2));
      const pair = [{ prompt: 'a', chosen: 'b', rejected: 'c' }];
      await expect(create('one-format', pair, { format: 'preference' })).rejects.toMatchObject({ code: 'conflict' });
      await expect(create('x', pair, { format: 'preference', licence: 'mine' })).rejects.toMatchObject({ code: 'licence_refused' });
      await expect(create('x', pair, { format: 'preference', holdout: 0.6 })).rejects.toMatchObject({ code: 'bad_input' });
      await expect(create('x', pair, { format: 'preference', fileId: 'file_none' })).rejects.toMatchObject({ code: 'not_found' });
      await expect(create('x', pair, { format: 'preference', derivedFrom: ['dsv_none'] })).rejects.toMatchObject({ code: 'not_found' });
      await expect(create('x', pair, { format: 'preference', derivedFrom: ['what'] })).rejects.toMatchObject({ code: 'bad_reference' });
    });

    it('hold out by prompt: duplicates never straddle, and each row stays on its side as data grows', async () => {
      const twice = [...sentences(0, 300), ...sentences(0, 300).map((row) => ({ ...row, input: { sentence: ` ${row.input.sentence.toUpperCase()}` } }))];
      const small = await datasets.findVersionById(ctx, (await create('split', twice, { holdout: 0.2 })).id);
      const large = await datasets.findVersionById(ctx, (await create('split', [...sentences(300, 400), ...twice], { holdout: 0.2 })).id);
      const of = async (version: typeof small, part: 'train' | 'holdout') => {
        const found: string[] = [];
        for await (const { row } of datasets.rows(ctx, version, part)) found.push(String(row.input!['sentence']).trim().toLowerCase());
        return found;
      };
      const [train, held] = [await of(small, 'train'), await of(small, 'holdout')];
      expect(train.length + held.length).toBe(600);
      expect(held.length).toBe(small.holdoutRows);
      expect(held.length / 600).toBeGreaterThan(0.1);
      expect(held.length / 600).toBeLessThan(0.3);
      expect(held.filter((sentence) => train.includes(sentence))).toEqual([]);
      const trainLater = new Set(await of(large, 'train'));
      expect(held.filter((sentence) => trainLater.has(sentence))).toEqual([]);
    });

    it('record what they came from', async () => {
      const source = await create('source', sentences(500, 503));
      const derived = await create('derived', sentences(510, 513), { derivedFrom: ['datasets:/source/1', source.id] });
      const { lineage } = await gateway.graphql(`query ($id: ID!) { lineage(type: dataset_version, id: $id, direction: up) { nodes { label } edges { from to relation } } }`, { id: derived.id });
      expect(lineage).toEqual({ nodes: [{ label: 'derived/1 (sft data)' }, { label: 'source/1 (sft data)' }], edges: [{ from: source.id, to: derived.id, relation: 'data_derived' }] });
    });

    it('write a part in the shapes of the trainer', async () => {
      const write = async (name: string, rows: unknown[], format: string, render: Parameters<DatasetService['materialise']>[4] = null) => {
        const version = await datasets.findVersionById(ctx, (await create(name, rows, { format })).id);
        const path = join(gateway.home, 'runs', `${name}.jsonl`);
        expect(await datasets.materialise(ctx, version, 'all', path, render)).toBe(rows.length);
        return readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);
      };
      const user = [{ role: 'user', content: 'Hi' }];
      const assistant = (content: string) => [{ role: 'assistant', content }];
      expect(await write('m-sft', [{ prompt: 'Hi', completion: 'Yo', note: 1 }], 'sft')).toEqual([{ prompt: user, completion: assistant('Yo') }]);
      expect(await write('m-pref', [{ prompt: 'Hi', chosen: 'Yo', rejected: 'No', slice: 'rude' }], 'preference'))
        .toEqual([{ prompt: user, chosen: assistant('Yo'), rejected: assistant('No'), slice: 'rude' }]);
      const render: Parameters<DatasetService['materialise']>[4] = (row) => [{ role: 'user', content: `Do: ${row.input!['sentence']}` }];
      expect(await write('m-prompt', [{ input: { sentence: 'go' }, expected: 'on' }], 'prompt', render))
        .toEqual([{ prompt: [{ role: 'user', content: 'Do: go' }], expected: 'on' }]);
      await expect(write('m-none', [{ input: { sentence: 'go on' } }], 'prompt')).rejects.toMatchObject({ code: 'bad_input' });
    });
  });

  it('keep their file: of a deletion and a version made at the same moment one is refused', async () => {
    for (let round = 0; round < 5; round += 1) {
      const fileId = await upload(sentences(7000 + round, 7001 + round));
      const input = { name: `kept-${round}`, fileId, format: 'sft', licence: 'own' };
      const [made, deleted] = await Promise.allSettled([gateway.graphql(CREATE, { input }), openai.files.delete(fileId)]);
      expect([made.status, deleted.status].sort()).toEqual(['fulfilled', 'rejected']);
      if (made.status === 'rejected') expect(made.reason).toMatchObject({ code: 'not_found' });
      expect((await gateway.fetch(`/v1/files/${fileId}/content`)).status).toBe(made.status === 'fulfilled' ? 200 : 404);
    }
  });

  it('are listed with their data set, newest first', async () => {
    for (const count of [1, 2]) await create('listed', sentences(8000, 8000 + count));
    const { datasets: list } = await gateway.graphql('{ datasets(first: 500) { nodes { name format latestVersion versions(first: 1) { nodes { version } pageInfo { hasNextPage } } } } }');
    expect(list.nodes[0]).toEqual({ name: 'listed', format: 'sft', latestVersion: 2, versions: { nodes: [{ version: 2 }], pageInfo: { hasNextPage: true } } });
  });

  describe('sealed versions', () => {
    it('are neither shown, nor trained on, nor given out as files; and their file stays', async () => {
      const version = await create('exam', sentences(1000, 1005), { sealed: true });
      await expect(gateway.graphql(PREVIEW, { ref: 'datasets:/exam', first: 1 })).rejects.toMatchObject({ code: 'sealed' });
      const entity = await datasets.findVersionById(ctx, version.id);
      expect(() => datasets.assertTrainable(ctx, entity)).toThrow(expect.objectContaining({ code: 'sealed' }));
      await expect(datasets.materialise(ctx, entity, 'all', join(gateway.home, 'x.jsonl'), () => [])).rejects.toMatchObject({ code: 'sealed' });
      await expect(openai.files.content(version.fileId)).rejects.toMatchObject({ status: 403, code: 'sealed' });
      await expect(openai.files.delete(version.fileId)).rejects.toMatchObject({ status: 409, code: 'conflict' });
    });

    it('refuse training data that shares a prompt, however it is wrapped', async () => {
      await create('test-set', sentences(2000, 2010), { sealed: true });
      const sharing = [...sentences(3000, 3002), { prompt: 'Turn  on LAMP 2004', completion: 'x' }];
      await expect(create('train-set', sharing)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('line 3 is line 5 of test-set/1') });
      await expect(gateway.graphql(PREVIEW, { ref: 'datasets:/train-set', first: 1 })).rejects.toMatchObject({ code: 'not_found' });
      expect(await create('train-set', sentences(3000, 3002))).toMatchObject({ version: 1 });
    });

    it('cannot be made of prompts that are open to training', async () => {
      await create('open', sentences(4000, 4010));
      await expect(create('late', [...sentences(4500, 4501), ...sentences(4003, 4005)], { sealed: true })).rejects.toMatchObject({
        code: 'conflict', message: expect.stringContaining('line 2 is line 4 of open/1; line 3 is line 5 of open/1') });
      expect(await create('late', sentences(4500, 4502), { sealed: true })).toMatchObject({ version: 1, sealed: true });
      expect(leftovers()).toEqual([]);
    });

    it('lose no race against training data made at the same moment', async () => {
      const make = (name: string, round: number, sealed: boolean) =>
        datasets.createFromRows(ctx, { name: `${name}-${round}`, format: 'sft', licence: 'own', rows: Readable.from(sentences(5000 + round, 5001 + round)), derivedFrom: [], sealed });
      for (let round = 0; round < 10; round += 1) {
        const results = await Promise.allSettled([make('race-train', round, false), make('race-test', round, true)]);
        expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      }
    });
  });

  it('answers another tenant as if there were nothing', async () => {
    const version = await create('private', sentences(6000, 6003), { sealed: true });
    const other = new OpenAI({ apiKey: gateway.otherKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    expect((await other.files.list()).data).toEqual([]);
    for (const call of ['retrieve', 'content', 'delete'] as const) {
      await expect(other.files[call](version.fileId)).rejects.toMatchObject({ status: 404 });
    }
    await expect(gateway.graphql(PREVIEW, { ref: 'datasets:/private', first: 1 }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    const input = { name: 'mine', fileId: version.fileId, format: 'sft', licence: 'own' };
    await expect(gateway.graphql(CREATE, { input }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    const fileId = await upload(sentences(6000, 6003), gateway.otherKey);
    await expect(gateway.graphql(CREATE, { input: { ...input, fileId, derivedFrom: [version.id] } }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    expect(await gateway.graphql(CREATE, { input: { ...input, fileId } }, gateway.otherKey)).toMatchObject({ createDatasetVersion: { version: 1 } });
  });
});
