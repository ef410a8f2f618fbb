import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../contracts/contracts.generated.js';
import { checkArtefactFiles, manifestOf, verifyManifest } from './manifest.js';

const FIXTURE = 'contracts/fixtures/manifest';
const golden = JSON.parse(readFileSync(`${FIXTURE}.json`, 'utf8')) as Manifest;

describe('manifests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'triad-manifest-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  it('agree with the golden fixture that the trainer is tested on', async () => {
    expect(await manifestOf(FIXTURE)).toEqual(golden);
    await verifyManifest(FIXTURE, golden);
  });

  it('are not believed about themselves: a digest that is not that of the lines is refused', async () => {
    await expect(verifyManifest(FIXTURE, { ...golden, sha256: '0'.repeat(64) })).rejects.toMatchObject({ code: 'bad_data' });
    await expect(verifyManifest(FIXTURE, { ...golden, bytes: 1 })).rejects.toMatchObject({ code: 'bad_data' });
    const outside = { ...golden, files: golden.files.with(0, { ...golden.files[0], path: '../manifest.json' }) } as Manifest;
    await expect(verifyManifest(FIXTURE, outside)).rejects.toMatchObject({ message: expect.stringContaining('../manifest.json is missing') });
  });

  it('order paths by code point, as the trainer does, not by UTF-16 unit', async () => {
    for (const name of ['\u{ff5e}.txt', '\u{1f600}.txt', 'a.txt']) writeFileSync(join(directory, name), name);
    expect((await manifestOf(directory)).files.map((file) => file.path)).toEqual(['a.txt', '\u{ff5e}.txt', '\u{1f600}.txt']);
  });

  it.each([
    ['a header of 100 MB and a byte', 100_000_001n, 'refused'],
    ['a header as long as the file', 64n, 'refused'],
    ['a header that just fits', 56n, 'fine'],
    ['an empty header', 0n, 'refused'],
  ])('open no safetensors file with %s', async (_, length, outcome) => {
    const header = Buffer.alloc(64);
    header.writeBigUInt64LE(length);
    writeFileSync(join(directory, 'w.safetensors'), header);
    const file = { path: 'w.safetensors', sha256: '', bytes: length > 1_000_000n ? 200_000_000 : 64 };
    const checked = checkArtefactFiles(directory, { sha256: '', bytes: 64, files: [file] });
    await (outcome === 'fine' ? expect(checked).resolves.toBeUndefined() : expect(checked).rejects.toMatchObject({ code: 'bad_data' }));
  });
});
