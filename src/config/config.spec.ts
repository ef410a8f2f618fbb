import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, environmentSchema, loadConfig, warningsOf } from './config.js';

const COMPLETE = {
  DATABASE_URL: 'postgres://localhost/triad', REDIS_URL: 'redis://localhost', TRIAD_SECRET_KEY: Buffer.alloc(32).toString('base64'),
  TRIAD_RUNTIME_URL: 'http://localhost:8000', TRIAD_SCORER_URL: 'http://localhost:8001',
};

describe('loadConfig', () => {
  it('fills in defaults and reads numbers and flags', () => {
    const config = loadConfig({ ...COMPLETE, TRIAD_PORT: '8080', TRIAD_WARM_TRAINER: '1', TRIAD_HOST: '' });
    expect(config).toMatchObject({ TRIAD_PORT: 8080, TRIAD_WARM_TRAINER: true, TRIAD_ALLOW_PRIVATE_URLS: false, TRIAD_HOST: '127.0.0.1' });
  });

  it('reads the old keys as a list, and takes none that is no key', () => {
    const [one, two] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64url')];
    expect(loadConfig(COMPLETE).TRIAD_SECRET_KEYS_OLD).toEqual([]);
    expect(loadConfig({ ...COMPLETE, TRIAD_SECRET_KEYS_OLD: `${one}, ${two},` }).TRIAD_SECRET_KEYS_OLD).toEqual([one, two]);
    const load = () => loadConfig({ ...COMPLETE, TRIAD_SECRET_KEYS_OLD: `${one},short-and-secret` });
    expect(load).toThrow('TRIAD_SECRET_KEYS_OLD.1: must be 32 random bytes');
    expect(load).not.toThrow('short-and-secret');
  });

  it('names every variable that is missing or wrong, and does not show what it holds', () => {
    const wrong = { ...COMPLETE, DATABASE_URL: 'mysql://secret@host/db', REDIS_URL: '', TRIAD_PORT: 'x', TRIAD_WARM_TRAINER: 'yes' };
    const load = () => loadConfig(wrong);
    expect(load).toThrow(ConfigError);
    for (const name of ['DATABASE_URL: must start with postgres://', 'REDIS_URL', 'TRIAD_PORT', 'TRIAD_WARM_TRAINER']) expect(load).toThrow(name);
    expect(load).not.toThrow('secret');
  });
});

describe('warningsOf', () => {
  it('names private URLs and untrusted documents in production, and nothing else', () => {
    const warnings = (environment: Record<string, string>) => warningsOf(loadConfig({ ...COMPLETE, ...environment }));
    const careful = { TRIAD_ENV: 'production', TRIAD_TRUSTED_DOCUMENTS: 'manifest.json' };
    expect(warnings({ ...careful, TRIAD_ALLOW_PRIVATE_URLS: '1' })).toEqual([expect.stringContaining('TRIAD_ALLOW_PRIVATE_URLS is 1 in production')]);
    expect(warnings({ TRIAD_ENV: 'production' })).toEqual([expect.stringContaining('TRIAD_TRUSTED_DOCUMENTS is not set in production')]);
    expect([warnings(careful), warnings({ TRIAD_ALLOW_PRIVATE_URLS: '1' })]).toEqual([[], []]);
  });
});

describe('.env.example', () => {
  const variables = new Map([...readFileSync('.env.example', 'utf8').matchAll(/^# (.+)\n(#?)([A-Z][A-Z_]*)=(.*)$/gm)]
    .map(([, comment, hash, name, value]) => [name!, { comment, optional: hash === '#', value: value! }]));

  it('names every variable of the schema with its description, and no other', () => {
    const described = Object.entries(environmentSchema.shape).map(([name, variable]) => [name, variable.description]);
    expect([...variables].map(([name, { comment }]) => [name, comment])).toEqual(described);
    expect(described.filter(([, description]) => !description)).toEqual([]);
  });

  it('is enough once the variables that are not commented out are set', () => {
    const required = [...variables].filter(([, { optional }]) => !optional).map(([name]) => name);
    expect(required.sort()).toEqual(Object.keys(COMPLETE).sort());
    expect(loadConfig(COMPLETE)).toMatchObject(COMPLETE);
  });
});
