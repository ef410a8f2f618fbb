import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../common/errors.js';
import type { Manifest, ManifestFile } from '../contracts/contracts.generated.js';

/** safetensors refuses headers above this size, so a larger one is never a valid file. */
const MAX_SAFETENSORS_HEADER = 100_000_000;
const ALLOWED = /\.(safetensors|json|txt|model|jinja|md)$|(^|\/)(LICENSE|NOTICE)$/;
const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle|npy|npz|h5|msgpack)$/i;

/**
 * The manifest (contracts/manifest.schema.json) of all plain files below a directory.
 * @param keep which relative paths to cover; all of them when left out
 * @throws DomainError bad_data when there is nothing to cover, or something that is neither a plain file nor a directory.
 */
export async function manifestOf(directory: string, keep: (path: string) => boolean = () => true): Promise<Manifest> {
  const entries = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => !entry.isDirectory());
  const paths = entries.map((entry) => ({ entry, path: relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/') }))
    .filter(({ path }) => keep(path))
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const files: ManifestFile[] = [];
  for (const { entry, path } of paths) {
    if (!entry.isFile()) throw new DomainError('bad_data', `${path} is a symbolic link or a special file; put the file itself in its place.`);
    const absolute = join(directory, path);
    files.push({ path, sha256: await sha256Of(absolute), bytes: (await stat(absolute)).size });
  }
  const [first, ...rest] = files;
  if (!first) throw new DomainError('bad_data', 'The directory holds no files that could be registered.');
  const lines = files.map((file) => `${file.sha256}  ${file.bytes}  ${file.path}\n`).join('');
  return {
    sha256: createHash('sha256').update(lines).digest('hex'),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files: [first, ...rest],
  };
}

/** @throws DomainError bad_data naming the first file of the directory that departs from the manifest, and how. */
export async function verifyManifest(directory: string, manifest: Manifest): Promise<void> {
  const found = await manifestOf(directory);
  const difference = differenceOf(manifest, found);
  if (difference) throw new DomainError('bad_data', `The files do not agree with their manifest: ${difference}. Write them again.`);
}

function differenceOf(expected: Manifest, found: Manifest): string | null {
  const byPath = new Map(found.files.map((file) => [file.path, file]));
  for (const file of expected.files) {
    const here = byPath.get(file.path);
    if (!here) return `${file.path} is missing`;
    if (here.bytes !== file.bytes) return `${file.path} has ${here.bytes} bytes, expected ${file.bytes}`;
    if (here.sha256 !== file.sha256) return `${file.path} has SHA-256 ${here.sha256}, expected ${file.sha256}`;
    byPath.delete(file.path);
  }
  const [extra] = byPath.keys();
  if (extra !== undefined) return `${extra} does not belong there`;
  return expected.sha256 === found.sha256 && expected.bytes === found.bytes ? null : 'its own digest is not that of its lines';
}

/**
 * Refuses what could run code or break a reader: any file that is not safetensors, JSON, text or a tokenizer, and any
 * safetensors file whose header cannot be one. Reads 8 bytes per safetensors file, never a tensor.
 * @throws DomainError bad_data naming the file.
 */
export async function checkArtefactFiles(directory: string, manifest: Manifest): Promise<void> {
  for (const file of manifest.files) {
    if (PICKLE.test(file.path)) {
      throw new DomainError('bad_data', `${file.path} may hold pickled code and is never loaded. Save the weights as safetensors (save_pretrained does) and remove it.`);
    }
    if (!ALLOWED.test(file.path)) {
      throw new DomainError('bad_data', `${file.path} has no place in a model: only .safetensors, .json, .txt, .model, .jinja and .md files, LICENSE and NOTICE. Remove it.`);
    }
    if (file.path.endsWith('.safetensors')) await checkSafetensorsHeader(join(directory, file.path), file);
  }
}

/** A safetensors file starts with the length of its JSON header, 8 bytes little-endian. */
async function checkSafetensorsHeader(absolute: string, file: ManifestFile): Promise<void> {
  const handle = await open(absolute);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const header = bytesRead === 8 ? buffer.readBigUInt64LE() : null;
    if (header === null || header < 2n || header > BigInt(MAX_SAFETENSORS_HEADER) || header + 8n > BigInt(file.bytes)) {
      throw new DomainError('bad_data', `${file.path} is not a safetensors file: its header claims ${header ?? 'no'} bytes of ${file.bytes}. Save the weights again.`);
    }
  } finally {
    await handle.close();
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
