import { SignJWT, UnsecuredJWT } from 'jose';
import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OidcIssuer, startOidcIssuer } from '../helpers/oidc-issuer.js';

const VIEWER = '{ viewer { principal role platform project { name } apiKey { id } } }';
const now = () => Math.floor(Date.now() / 1000);

describe('OIDC tokens', () => {
  let issuer: OidcIssuer;
  let second: OidcIssuer;
  let gateway: Gateway;
  beforeAll(async () => {
    [issuer, second] = await Promise.all([startOidcIssuer(), startOidcIssuer()]);
    gateway = await startGateway({ env: { TRIAD_OIDC_ISSUER: `${issuer.url}, ${second.url}`, TRIAD_OIDC_AUDIENCE: 'triad' } });
  });
  afterAll(async () => {
    await gateway.stop();
    await Promise.all([issuer.stop(), second.stop()]);
    Object.assign(process.env, { TRIAD_OIDC_ISSUER: '', TRIAD_OIDC_AUDIENCE: '' });
  });

  const ask = async (token: string) => (await gateway.graphql(VIEWER, {}, token))['viewer'];
  const refused = (token: string, message: string) =>
    expect(ask(token)).rejects.toMatchObject({ code: 'unauthenticated', message: expect.stringContaining(message) });

  it('asks again when the issuer did not answer at first, and then only once', async () => {
    const token = await issuer.sign({ triad_roles: ['viewer'] });
    issuer.broken = true;
    await expect(ask(token)).rejects.toMatchObject({ code: 'unavailable' });
    issuer.broken = false;
    const before = issuer.discoveries();
    await Promise.all([ask(token), ask(token), ask(token)]);
    await ask(token);
    expect(issuer.discoveries() - before).toBe(1);
  });

  it('maps the claim to a role in a project, and says who acts', async () => {
    expect(await ask(await issuer.sign({ triad_roles: ['editor', 'staff', 'unknown:x'] }))).toEqual({
      principal: `user:${issuer.url}#u1`, role: 'editor', platform: false, project: { name: 'default' }, apiKey: null,
    });
    const verified = { email: 'ada@example.com', email_verified: true };
    expect(await ask(await second.sign({ triad_roles: 'other:deployer', ...verified }))).toMatchObject({ principal: 'user:ada@example.com', role: 'deployer', project: { name: 'other' } });
    expect(await ask(await issuer.sign({ triad_roles: 'viewer', ...verified, email_verified: false }))).toMatchObject({ principal: `user:${issuer.url}#u1` });
  });

  it('lets a user do what the role may, and no more', async () => {
    const create = 'mutation { createPromptVersion(input: { name: "by-user", messages: [{ role: user, content: "x" }] }) { createdBy } }';
    expect(await gateway.graphql(create, {}, await issuer.sign({ triad_roles: 'editor' }))).toEqual({ createPromptVersion: { createdBy: `user:${issuer.url}#u1` } });
    await expect(gateway.graphql(create, {}, await issuer.sign({ triad_roles: 'annotator' }))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(gateway.graphql('{ projects { nodes { id } } }', {}, await issuer.sign({ triad_roles: 'admin' }))).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('asks a user of several projects to choose one by a header', async () => {
    const token = await issuer.sign({ triad_roles: ['default:viewer', 'other:admin'] });
    const as = (headers: Record<string, string>) => gateway.fetch('/v1/models', { headers: { authorization: `Bearer ${token}`, ...headers } });
    const unchosen = await as({});
    expect(unchosen.status).toBe(403);
    expect(await unchosen.json()).toMatchObject({ error: { code: 'forbidden', message: expect.stringContaining('x-triad-project') } });
    expect((await as({ 'x-triad-project': 'other' })).status).toBe(200);
    expect((await as({ 'x-triad-project': 'third' })).status).toBe(403);
  });

  it.each([['no role', {}], ['an unknown role', { triad_roles: ['default:root'] }], ['a project that is not here', { triad_roles: ['nowhere:admin'] }]])(
    'is forbidden with %s', async (_, claims) => {
      await expect(ask(await issuer.sign(claims))).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('triad_roles') });
    });

  it.each<[string, Record<string, unknown>, string]>([
    ['another audience', { aud: 'elsewhere' }, 'audience'],
    ['no audience', { aud: undefined }, 'audience'],
    ['an end that is past', { exp: now() - 120 }, 'expired'],
    ['no end', { exp: undefined }, 'exp'],
    ['no subject', { sub: undefined }, 'sub'],
    ['a beginning to come', { nbf: now() + 600 }, 'nbf'],
    ['an issuer that is not trusted', { iss: 'https://evil.example' }, 'issuer'],
    ['no issuer', { iss: undefined }, 'issuer'],
  ])('refuses a token with %s', async (_, claims, message) => {
    await refused(await issuer.sign({ triad_roles: 'admin', ...claims }), message);
  });

  it('refuses a token signed by the key of another trusted issuer', async () => {
    await refused(await second.sign({ iss: issuer.url, triad_roles: 'admin' }), 'signed with a key');
  });

  it('refuses tokens that need no private key: alg none, HS256 with the public key, changed claims, half a token', async () => {
    const claims = { iss: issuer.url, aud: 'triad', sub: 'u1', exp: now() + 300, triad_roles: 'admin' };
    await refused(new UnsecuredJWT(claims).encode(), 'must be signed');
    const shared = createSecretKey(Buffer.from(issuer.publicKey()));
    await refused(await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: '1' }).sign(shared), 'must be signed');
    const [header, payload, signature] = (await issuer.sign({ triad_roles: 'viewer' })).split('.') as [string, string, string];
    const raised = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), triad_roles: 'admin' })).toString('base64url');
    await refused([header, raised, signature].join('.'), 'signed with a key');
    await refused([header, payload, ''].join('.'), 'signed');
    await refused([header, 'e30', signature].join('.'), 'issuer');
  });

  it('follows the issuer\'s keys: the new one is taken, the old one no longer', async () => {
    const old = await issuer.sign({ triad_roles: 'viewer' });
    await issuer.rotate('ES256');
    const fresh = await issuer.sign({ triad_roles: 'viewer' });
    await vi.waitFor(async () => expect(await ask(fresh)).toMatchObject({ role: 'viewer' }), { timeout: 20_000, interval: 250 });
    await refused(old, 'signed with a key');
  });
});

describe('OIDC that is not set up', () => {
  it('takes no tokens, and says so', async () => {
    const issuer = await startOidcIssuer();
    const gateway = await startGateway();
    await expect(gateway.graphql(VIEWER, {}, await issuer.sign({ triad_roles: 'admin' }))).rejects.toMatchObject({ code: 'unauthenticated', message: expect.stringContaining('TRIAD_OIDC_ISSUER') });
    await gateway.stop();
    await issuer.stop();
  });
});
