import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/common/ids.js';
import { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { ProjectEntity } from '../../src/auth/auth.entity.js';
import { LineageService } from '../../src/models/lineage.service.js';
import { manifestOf } from '../../src/models/manifest.js';
import { ModelService } from '../../src/models/model.service.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const REGISTER = `mutation ($input: RegisterBaseModelInput!) {
  registerBaseModel(input: $input) { id name version kind licence aliases artefact { sha256 bytes files { path bytes } } } }`;
const MODEL_VERSION = 'query ($ref: String!) { modelVersion(ref: $ref) { id version aliases } }';
const SET_ALIAS = 'mutation ($model: String!, $alias: String!, $version: Int!) { setModelAlias(model: $model, alias: $alias, version: $version) { version aliases } }';
const LINEAGE = `query ($type: LineageNodeType!, $id: ID!, $direction: LineageDirection!) {
  lineage(type: $type, id: $id, direction: $direction) { nodes { type id label } edges { from to relation } } }`;

/** A safetensors file that holds one tensor of one float. */
function safetensors(value: number): Buffer {
  const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }));
  const [length, data] = [Buffer.alloc(8), Buffer.alloc(4)];
  length.writeBigUInt64LE(BigInt(header.length));
  data.writeFloatLE(value);
  return Buffer.concat([length, header, data]);
}

function writeDirectory(directory: string, files: Record<string, string | Buffer>): string {
  rmSync(directory, { recursive: true, force: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

const base = (value: number) => ({ 'config.json': '{"model_type": "llama"}', 'tokenizer.json': '{}', 'model.safetensors': safetensors(value) });
const adapter = (value: number) => ({ 'adapter_config.json': '{}', 'adapter_model.safetensors': safetensors(value) });

describe('models', () => {
  let gateway: Gateway;
  let models: ModelService;
  let ctx: RequestContext;
  let baseId: string;

  const putBase = (source: string, files: Record<string, string | Buffer>) => writeDirectory(join(gateway.home, 'models', source), files);
  const register = (name: string, source: string, licence = 'apache-2.0') =>
    gateway.graphql(REGISTER, { input: { name, source, licence } }).then((data) => data['registerBaseModel']);
  const run = (name: string, files: Record<string, string | Buffer>) => writeDirectory(join(gateway.home, 'runs', name), files);
  const job = async (name: string, directory: string, jobId: string) => models.registerVersion(ctx, {
    name, kind: 'adapter', directory, manifest: await manifestOf(directory), baseVersionId: baseId, licence: 'apache-2.0', jobId, promptVersionId: null });

  beforeAll(async () => {
    gateway = await startGateway();
    models = gateway.app.get(ModelService);
    const project = await gateway.app.get(Database).platform.findOneByOrFail(ProjectEntity, { name: 'default' });
    ctx = RequestContext.forJob(project.id, 'test');
    putBase('tiny', { ...base(1), '.cache/lock': '' });
    baseId = (await register('tiny', 'tiny')).id;
  });
  afterAll(() => gateway.stop());

  it('registers a directory once, by hard link, with a manifest of every file', async () => {
    const version = await register('tiny', 'tiny', 'Apache-2.0');
    expect(version).toMatchObject({ id: baseId, name: 'tiny', version: 1, kind: 'base', licence: 'apache-2.0', aliases: ['latest'] });
    expect(version.artefact.files.map((file: { path: string }) => file.path)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    const stored = join(gateway.home, 'artefacts', version.artefact.sha256, 'model.safetensors');
    expect(statSync(stored).ino).toBe(statSync(join(gateway.home, 'models/tiny/model.safetensors')).ino);
    putBase('tiny', base(2));
    expect(await register('tiny', 'tiny')).toMatchObject({ version: 2 });
    expect(readFileSync(stored)).toEqual(safetensors(1));
  });

  it.each<[string, Record<string, string | Buffer>, string]>([
    ['pickle beside safetensors', { ...base(1), 'pytorch_model.bin': 'x' }, 'pytorch_model.bin may hold pickled code'],
    ['code', { ...base(1), 'modeling_tiny.py': 'x' }, 'modeling_tiny.py has no place in a model'],
    ['no config', { 'tokenizer.json': '{}', 'model.safetensors': safetensors(1) }, 'lacks config.json'],
    ['no tokenizer', { 'config.json': '{"model_type": "llama"}', 'model.safetensors': safetensors(1) }, 'lacks tokenizer.json'],
    ['no weights', { 'config.json': '{"model_type": "llama"}', 'tokenizer.json': '{}' }, 'lacks a .safetensors file'],
    ['not a configuration', { ...base(1), 'config.json': '[]' }, 'config.json is not the configuration'],
    ['header longer than the file', { ...base(1), 'model.safetensors': Buffer.concat([Buffer.from('ffff000000000000', 'hex'), Buffer.alloc(64)]) }, 'its header claims 65535 bytes of 72'],
    ['header of 2^64−1', { ...base(1), 'model.safetensors': Buffer.alloc(64, 0xff) }, 'is not a safetensors file'],
    ['cut off', { ...base(1), 'model.safetensors': 'abc' }, 'is not a safetensors file'],
  ])('refuses a base model directory: %s', async (_, files, message) => {
    putBase('bad', files);
    await expect(register('bad', 'bad')).rejects.toMatchObject({ code: 'bad_data', message: expect.stringContaining(message) });
    await expect(gateway.graphql(MODEL_VERSION, { ref: 'models:/bad' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refuses a symbolic link, which could point anywhere', async () => {
    putBase('linked', base(1));
    symlinkSync('/etc/hostname', join(gateway.home, 'models/linked/notes.txt'));
    await expect(register('linked', 'linked')).rejects.toMatchObject({ code: 'bad_data', message: expect.stringContaining('notes.txt is a symbolic link') });
  });

  it.each(['nowhere', '../models/tiny', '..', ''])('lists the directories there are when asked for %j', async (source) => {
    await expect(register('x', source)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringMatching(/there are: .*tiny/) });
  });

  it('refuses a licence that nobody recorded, and names those known', async () => {
    await expect(register('x', 'tiny', 'gpl-9')).rejects.toMatchObject({ code: 'licence_refused', message: expect.stringMatching(/"gpl-9".*apache-2\.0.*gemma/s) });
    expect(await gateway.graphql('{ licences(ids: ["gemma"]) { id outputs commercialUse duties source } }')).toMatchObject({ licences: [{ id: 'gemma', outputs: 'derivative' }] });
  });

  it('registers what a job made once, however often and in parallel it is asked', async () => {
    const directory = run('one', adapter(1));
    const jobId = newId('ftjob');
    const made = await Promise.all(Array.from({ length: 8 }, () => job('house', directory, jobId)));
    expect(new Set(made.map((version) => version.id)).size).toBe(1);
    expect(await job('house', run('two', adapter(2)), newId('ftjob'))).toMatchObject({ version: 2 });
    const { basePath, adapterPath, rewardPath } = await models.filesOf(ctx, made[0]!);
    expect(readFileSync(join(adapterPath!, 'adapter_model.safetensors'))).toEqual(safetensors(1));
    expect([readFileSync(join(basePath, 'config.json'), 'utf8'), rewardPath]).toEqual(['{"model_type": "llama"}', null]);
  });

  it.each<[string, (directory: string) => void, string]>([
    ['changed', (directory) => writeFileSync(join(directory, 'adapter_model.safetensors'), safetensors(9)), 'adapter_model.safetensors has SHA-256'],
    ['cut', (directory) => writeFileSync(join(directory, 'adapter_model.safetensors'), 'x'), 'adapter_model.safetensors has 1 bytes'],
    ['missing', (directory) => rmSync(join(directory, 'adapter_config.json')), 'adapter_config.json is missing'],
    ['added', (directory) => writeFileSync(join(directory, 'more.json'), '{}'), 'more.json does not belong there'],
  ])('never registers files that depart from their manifest: %s', async (name, damage, message) => {
    const directory = run(name, adapter(1));
    const manifest = await manifestOf(directory);
    damage(directory);
    await expect(models.registerVersion(ctx, { name, kind: 'adapter', directory, manifest, baseVersionId: baseId, licence: 'apache-2.0', jobId: newId('ftjob'), promptVersionId: null }))
      .rejects.toMatchObject({ code: 'bad_data', message: expect.stringContaining(message) });
    await expect(models.resolve(ctx, `models:/${name}`)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('moves an alias, tells of it once per move, and keeps `latest` to itself', async () => {
    const events = async () => (await gateway.app.get(Database).platform.query(`SELECT data FROM events WHERE type = 'model.alias.moved' ORDER BY id`)).map((row: { data: object }) => row.data);
    const move = (version: number, alias = 'champion') => gateway.graphql(SET_ALIAS, { model: 'tiny', alias, version });
    expect(await move(1)).toEqual({ setModelAlias: { version: 1, aliases: ['champion'] } });
    await move(1);
    expect(await move(2)).toEqual({ setModelAlias: { version: 2, aliases: ['champion', 'latest'] } });
    expect(await gateway.graphql(MODEL_VERSION, { ref: 'models:/tiny@champion' })).toMatchObject({ modelVersion: { version: 2 } });
    expect(await events()).toMatchObject([{ model: 'tiny', alias: 'champion', version: 1, previousVersion: null }, { version: 2, previousVersion: 1 }]);
    await expect(move(9)).rejects.toMatchObject({ code: 'not_found' });
    await expect(move(1, 'latest')).rejects.toMatchObject({ code: 'bad_input' });
    await expect(move(1, 'Über')).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('traces a lineage both ways, through a cycle too, with labels', async () => {
    const version = await job('traced', run('traced', adapter(5)), newId('ftjob'));
    const node = (id: string) => ({ type: 'model_version' as const, id });
    const lineage = gateway.app.get(LineageService);
    const edge = { from: node(version.id), to: node(baseId), relation: 'output_derived' as const };
    await lineage.link(ctx, [edge, edge]);
    const { lineage: found } = await gateway.graphql(LINEAGE, { type: 'model_version', id: version.id, direction: 'up' });
    expect(found.nodes).toEqual([
      { type: 'model_version', id: version.id, label: 'traced/1 (adapter)' }, { type: 'model_version', id: baseId, label: 'tiny/1 (base)' }]);
    expect(found.edges).toHaveLength(2);
    expect(found.edges).toContainEqual({ from: baseId, to: version.id, relation: 'weights_derived' });
  });

  it('answers another tenant as if there were nothing', async () => {
    const other = <T>(query: string, variables: Record<string, unknown>) => gateway.graphql<T>(query, variables, gateway.otherKey);
    await expect(other(MODEL_VERSION, { ref: 'models:/tiny' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(other(LINEAGE, { type: 'model_version', id: baseId, direction: 'down' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(other(SET_ALIAS, { model: 'tiny', alias: 'champion', version: 1 })).rejects.toMatchObject({ code: 'not_found' });
    expect(await other('{ models { nodes { id } } }', {})).toEqual({ models: { nodes: [] } });
  });
});
