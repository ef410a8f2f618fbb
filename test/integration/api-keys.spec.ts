import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { createApplication } from '../../src/application.js';
import { hashApiKey } from '../../src/auth/api-key.js';
import { ApiKeyRepository } from '../../src/auth/api-key.repository.js';
import { AuthService } from '../../src/auth/auth.service.js';
import { BootstrapService } from '../../src/auth/bootstrap.service.js';
import { Database } from '../../src/database/database.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { createScratchDatabase } from '../helpers/scratch-database.js';

const CREATE = 'mutation ($name: String!, $role: Role!, $expiresAt: DateTime) { createApiKey(name: $name, role: $role, expiresAt: $expiresAt) { secret apiKey { id prefix name role createdBy expiresAt lastUsedAt revokedAt platform } } }';
const ROTATE = 'mutation ($id: ID!, $overlap: Int!) { rotateApiKey(id: $id, overlapSeconds: $overlap) { secret apiKey { id name role expiresAt } } }';
const REVOKE = 'mutation ($id: ID!) { revokeApiKey(id: $id) { revokedAt } }';
const VIEWER = '{ viewer { principal role platform project { id name } apiKey { id lastUsedAt } } }';

describe('API keys', () => {
  let gateway: Gateway;
  /** A second process's worth of service on the same database. */
  let second: NestFastifyApplication;
  beforeAll(async () => {
    gateway = await startGateway();
    second = await createApplication();
    await second.listen(0, '127.0.0.1');
  });
  afterAll(async () => {
    await second.close();
    await gateway.stop();
  });

  const create = async (name: string, role = 'viewer', expiresAt: string | null = null) => (await gateway.graphql(CREATE, { name, role, expiresAt }))['createApiKey'];
  const viewer = async (key: string) => (await gateway.graphql(VIEWER, {}, key))['viewer'];
  const list = async () => (await gateway.graphql('{ apiKeys { nodes { id name lastUsedAt replacedBy expiresAt revokedAt } } }'))['apiKeys'].nodes as any[];
  const find = async (id: string) => (await list()).find((key) => key.id === id);
  const statusOf = async (url: string, key: string) => (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
  const refused = { code: 'unauthenticated' };

  it('are shown once, known by their prefix, and kept as a hash', async () => {
    const { secret, apiKey } = await create('ci', 'editor');
    expect(secret).toMatch(/^triad_[0-9a-f]{12}_[\w-]{43}$/);
    expect(apiKey).toMatchObject({ name: 'ci', role: 'editor', expiresAt: null, lastUsedAt: null, revokedAt: null, platform: false });
    expect(secret.startsWith(`${apiKey.prefix}_`)).toBe(true);
    expect(apiKey.createdBy).toBe((await viewer(gateway.key)).principal);
    const rows = await gateway.app.get(Database).platform.query('SELECT * FROM api_keys WHERE id = $1', [apiKey.id]);
    expect(rows).toMatchObject([{ hash: hashApiKey(secret) }]);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(-43));
    expect(await viewer(secret)).toMatchObject({ principal: `key:${apiKey.id}`, role: 'editor', platform: false, project: { name: 'default' }, apiKey: { id: apiKey.id } });
  });

  it('of the form of before are valid still, and had all rights', async () => {
    const old = `triad_${randomBytes(32).toString('base64url')}`;
    await gateway.app.get(AuthService).addKey('default', 'old', old);
    expect(await viewer(old)).toMatchObject({ role: 'admin' });
  });

  it.each([['', null, 'name'], ['x'.repeat(101), null, 'name'], ['x', '2020-01-01T00:00:00Z', 'expiresAt']])('are refused with the name %j and the end %s', async (name, expiresAt, param) => {
    await expect(create(name, 'viewer', expiresAt)).rejects.toMatchObject({ code: 'bad_input', errors: [{ extensions: { param } }] });
  });

  it('are refused by every process within a second of their revocation', async () => {
    const { secret, apiKey } = await create('to-revoke');
    const secondUrl = await second.getUrl();
    expect(await statusOf(gateway.url, secret)).toBe(200);
    expect(await statusOf(secondUrl, secret)).toBe(200);
    const { revokeApiKey: { revokedAt } } = await gateway.graphql(REVOKE, { id: apiKey.id });
    await vi.waitFor(async () => expect(await Promise.all([gateway.url, secondUrl].map((url) => statusOf(url, secret)))).toEqual([401, 401]), { timeout: 1_000, interval: 50 });
    expect(await gateway.graphql(REVOKE, { id: apiKey.id })).toEqual({ revokeApiKey: { revokedAt } });
    await expect(gateway.graphql(ROTATE, { id: apiKey.id, overlap: 60 })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('cost one look-up for all who come with one at once', async () => {
    const { secret } = await create('hot');
    const findValid = vi.spyOn(gateway.app.get(ApiKeyRepository), 'findValid');
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => statusOf(gateway.url, secret))))).toEqual(new Set([200]));
    const lookups = findValid.mock.calls.filter(([hash]) => hash === hashApiKey(secret)).length;
    expect(lookups).toBeGreaterThan(0);
    expect(lookups).toBeLessThan(20);
    findValid.mockRestore();
  });

  it('end when they expire, by the database\'s clock', async () => {
    const { secret, apiKey } = await create('short', 'viewer', new Date(Date.now() + 3_600_000).toISOString());
    expect(await viewer(secret)).toMatchObject({ role: 'viewer' });
    await gateway.app.get(Database).platform.query("UPDATE api_keys SET expires_at = now() + interval '1 second' WHERE id = $1", [apiKey.id]);
    await vi.waitFor(() => expect(viewer(secret)).rejects.toMatchObject(refused), { timeout: 10_000 });
  });

  it('rotate with an overlap, in which both are valid', async () => {
    const { secret, apiKey } = await create('rotating', 'deployer');
    const { rotateApiKey: next } = await gateway.graphql(ROTATE, { id: apiKey.id, overlap: 3_600 });
    expect(next.apiKey).toMatchObject({ name: 'rotating', role: 'deployer', expiresAt: null });
    expect(await viewer(secret)).toMatchObject({ apiKey: { id: apiKey.id } });
    expect(await viewer(next.secret)).toMatchObject({ role: 'deployer', apiKey: { id: next.apiKey.id } });
    const retired = await find(apiKey.id);
    expect(retired.replacedBy).toBe(next.apiKey.id);
    expect(Date.parse(retired.expiresAt)).toBeLessThanOrEqual(Date.now() + 3_600_000);
    await expect(gateway.graphql(ROTATE, { id: apiKey.id, overlap: 0 })).rejects.toMatchObject({ code: 'conflict' });

    await gateway.graphql(ROTATE, { id: next.apiKey.id, overlap: 0 });
    await vi.waitFor(() => expect(viewer(next.secret)).rejects.toMatchObject(refused), { timeout: 10_000 });
    expect(await viewer(secret)).toMatchObject({ role: 'deployer' });
  });

  it('rotate once, however many ask at once', async () => {
    const { apiKey } = await create('raced');
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => gateway.graphql(ROTATE, { id: apiKey.id, overlap: 60 })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await list()).filter(({ name }) => name === 'raced')).toHaveLength(2);
  });

  it('live as long as the one they replace was given, and cannot lengthen its life', async () => {
    const { apiKey } = await create('limited', 'viewer', new Date(Date.now() + 60_000).toISOString());
    const { rotateApiKey: { apiKey: next } } = await gateway.graphql(ROTATE, { id: apiKey.id, overlap: 3_600 });
    expect((await find(apiKey.id)).expiresAt).toBe(apiKey.expiresAt);
    expect(Date.parse(next.expiresAt)).toBeGreaterThanOrEqual(Date.parse(apiKey.expiresAt));
    expect(Date.parse(next.expiresAt)).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it.each([-1, 30 * 86_400 + 1])('refuse an overlap of %d s', async (overlap) => {
    await expect(gateway.graphql(ROTATE, { id: 'key_x', overlap })).rejects.toMatchObject({ code: 'bad_input', errors: [{ extensions: { param: 'overlapSeconds' } }] });
  });

  it('note their last use, at most once a minute', async () => {
    const { secret, apiKey } = await create('used');
    const keys = gateway.app.get(ApiKeyRepository);
    const { platform } = gateway.app.get(Database);
    const lookedUpAgain = async () => {
      const findValid = vi.spyOn(keys, 'findValid');
      await vi.waitFor(async () => {
        await viewer(secret);
        expect(findValid.mock.calls).toContainEqual([hashApiKey(secret)]);
      }, { timeout: 10_000 });
      findValid.mockRestore();
    };
    await viewer(secret);
    await vi.waitFor(async () => expect((await find(apiKey.id)).lastUsedAt).not.toBeNull(), { timeout: 10_000 });

    const noteUse = vi.spyOn(keys, 'noteUse');
    await platform.query("UPDATE api_keys SET last_used_at = now() - interval '30 seconds' WHERE id = $1", [apiKey.id]);
    await lookedUpAgain();
    expect(noteUse.mock.calls).not.toContainEqual([apiKey.id]);
    await platform.query("UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1", [apiKey.id]);
    await lookedUpAgain();
    await vi.waitFor(async () => expect(Date.parse((await find(apiKey.id)).lastUsedAt)).toBeGreaterThan(Date.now() - 30_000), { timeout: 10_000 });
    noteUse.mockRestore();
  });

  it('stay valid when their use cannot be noted', async () => {
    const { secret, apiKey } = await create('unnoted');
    const { platform } = gateway.app.get(Database);
    await platform.query("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$");
    await platform.query('CREATE TRIGGER refuse BEFORE UPDATE OF last_used_at ON api_keys FOR EACH ROW EXECUTE FUNCTION refuse()');
    expect(await viewer(secret)).toMatchObject({ apiKey: { id: apiKey.id, lastUsedAt: null } });
    await platform.query('DROP FUNCTION refuse CASCADE');
  });

  it('of the platform are managed by such keys only, so that an admin cannot become one', async () => {
    const { secret: admin } = await create('admin', 'admin');
    const { apiKey: { id } } = await viewer(gateway.key);
    await expect(gateway.graphql(ROTATE, { id, overlap: 60 }, admin)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(gateway.graphql(REVOKE, { id }, admin)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await gateway.graphql(CREATE, { name: 'x', role: 'admin' }, admin))['createApiKey'].apiKey.platform).toBe(false);
    const { rotateApiKey: next } = await gateway.graphql(ROTATE, { id, overlap: 3_600 });
    expect(await viewer(next.secret)).toMatchObject({ platform: true });
  });

  it('of another tenant do not exist', async () => {
    const { apiKey: { id } } = await create('mine');
    await expect(gateway.graphql(ROTATE, { id, overlap: 60 }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    await expect(gateway.graphql(REVOKE, { id }, gateway.otherKey)).rejects.toMatchObject({ code: 'not_found' });
    const { apiKeys } = await gateway.graphql('{ apiKeys(first: 500) { nodes { id } } }', {}, gateway.otherKey);
    expect(apiKeys.nodes).not.toContainEqual({ id });
  });

  it('of a new project are for that project only', async () => {
    const { createProject: { project, secret, apiKey } } = await gateway.graphql('mutation { createProject(name: "acme") { project { id name } secret apiKey { role platform } } }');
    expect(apiKey).toEqual({ role: 'admin', platform: false });
    expect(await viewer(secret)).toMatchObject({ role: 'admin', platform: false, project: { id: project.id, name: 'acme' } });
    await expect(gateway.graphql('mutation { createProject(name: "acme") { secret } }')).rejects.toMatchObject({ code: 'conflict' });
    await expect(gateway.graphql('mutation { createProject(name: "a_b") { secret } }')).rejects.toMatchObject({ code: 'bad_input' });
    const rename = (name: string, id = project.id) => gateway.graphql('mutation ($id: ID!, $name: String!) { renameProject(id: $id, name: $name) { id name } }', { id, name });
    expect(await rename('acme-2')).toEqual({ renameProject: { id: project.id, name: 'acme-2' } });
    await expect(rename('default')).rejects.toMatchObject({ code: 'conflict' });
    await expect(rename('x', 'proj_none')).rejects.toMatchObject({ code: 'not_found' });
    expect((await gateway.graphql('{ project { name } }', {}, secret))['project']).toEqual({ name: 'acme-2' });
    expect((await gateway.graphql('{ projects { nodes { name } } }'))['projects'].nodes).toContainEqual({ name: 'acme-2' });
  });
});

describe('the first key', () => {
  it('is made once, by whichever process is first, and none where there are keys', async () => {
    const database = await createScratchDatabase(inject('postgresUrl'), inject('templateDatabase'));
    Object.assign(process.env, { DATABASE_URL: database.url, TRIAD_BOOTSTRAP_KEY: '' });
    const apps = await Promise.all([createApplication(), createApplication()]);
    await Promise.all(apps.map((app) => app.init()));
    const answers = await Promise.all(apps.flatMap((app) => [1, 2, 3].map(() => app.get(BootstrapService).firstKey())));
    const [key, ...more] = answers.filter((answer) => answer !== null);
    expect(more).toEqual([]);
    await expect(apps[1].get(AuthService).authenticate(`Bearer ${key}`, 'test')).resolves.toMatchObject({ role: 'admin', platform: true });
    expect(await apps[0].get(BootstrapService).firstKey()).toBeNull();
    await Promise.all(apps.map((app) => app.close()));
    await database.drop();
  });
});
