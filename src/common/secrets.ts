import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const FORMAT = 'v2';
/** Written before there were data keys: AES-256-GCM directly under the key of the environment, bound to the project alone. */
const DIRECT = 'v1';
const [IV_BYTES, TAG_BYTES] = [12, 16];

/** The keys of the environment, base64 of 32 bytes each. `Config` is one. */
export interface SecretKeys {
  /** The current one: everything is written under it. */
  TRIAD_SECRET_KEY: string;
  /** Others that still open what was written under them. */
  TRIAD_SECRET_KEYS_OLD: string[];
}

/** A column that holds secrets, `<table>.encrypted_<what>` or `<table>.<which>_encrypted_<what>`: rotation finds them by that name. */
export type SecretColumn = `${string}.encrypted_${string}` | `${string}.${string}_encrypted_${string}`;

/** Where a secret is kept. What was encrypted for one place opens at no other: no other column, row or project. */
export interface SecretPlace {
  column: SecretColumn;
  projectId: string;
  /** What names the row within the project. */
  id: string;
}

interface KeyEncryptionKey {
  /** Names the key without telling it, so that a row says which key opens it. */
  id: string;
  bytes: Buffer;
}

/** @throws Error unless `key` is the base64 (or base64url) of 32 bytes. */
function keyOf(key: string): KeyEncryptionKey {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== 32) throw new Error(`A key of TRIAD_SECRET_KEY or TRIAD_SECRET_KEYS_OLD holds ${bytes.length} bytes; it must be 32 random bytes in base64`);
  return { id: createHash('sha256').update('triad-key-id').update(bytes).digest('base64url').slice(0, 8), bytes };
}

function keyNamed(keys: SecretKeys, id: string): KeyEncryptionKey {
  const known = [keys.TRIAD_SECRET_KEY, ...keys.TRIAD_SECRET_KEYS_OLD].map(keyOf);
  const found = known.find((key) => key.id === id);
  if (!found) throw new Error(`A stored secret was encrypted with key ${id}; the keys at hand are ${known.map((key) => key.id).join(', ')}. Put the key it was made with into TRIAD_SECRET_KEYS_OLD`);
  return found;
}

/** AES-256-GCM under a fresh nonce: nonce, tag and ciphertext, one after the other. */
function seal(key: Buffer, context: string, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext]);
}

function open(key: Buffer, context: string, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    throw new Error('A stored secret was changed, or belongs to another column, row or project');
  }
}

const contextOf = (part: 'key' | 'secret', { column, projectId, id }: SecretPlace): string => JSON.stringify(['triad', FORMAT, part, column, projectId, id]);

const wrap = (kek: KeyEncryptionKey, place: SecretPlace, dataKey: Buffer): string => seal(kek.bytes, contextOf('key', place), dataKey).toString('base64url');

/** What every secret under the current key begins with. */
export const currentPrefix = (keys: SecretKeys): string => `${FORMAT}:${keyOf(keys.TRIAD_SECRET_KEY).id}:`;

/**
 * Encrypts under a data key of its own, which is stored beside the secret, wrapped by TRIAD_SECRET_KEY (docs/adr/0006-secrets.md).
 * @returns `v2:<id of the key that wraps>:<wrapped data key>:<sealed secret>`, the last two in base64url.
 */
export function encryptSecret(keys: SecretKeys, place: SecretPlace, plain: string): string {
  const dataKey = randomBytes(32);
  const sealed = seal(dataKey, contextOf('secret', place), Buffer.from(plain, 'utf8'));
  return `${currentPrefix(keys)}${wrap(keyOf(keys.TRIAD_SECRET_KEY), place, dataKey)}:${sealed.toString('base64url')}`;
}

/**
 * Opens what `encryptSecret` made.
 * @throws Error when none of the keys wrapped it, or it was changed or moved from its place; the message holds no secret.
 */
export function decryptSecret(keys: SecretKeys, place: SecretPlace, stored: string): string {
  const [format, keyId = '', ...parts] = stored.split(':');
  const [first, second, third] = parts.map((part) => Buffer.from(part, 'base64url'));
  if (format === DIRECT && parts.length === 3) return open(keyNamed(keys, keyId).bytes, place.projectId, Buffer.concat([first!, second!, third!])).toString('utf8');
  if (format !== FORMAT || parts.length !== 2) throw new Error('A stored secret is not in a known format');
  const dataKey = open(keyNamed(keys, keyId).bytes, contextOf('key', place), first!);
  return open(dataKey, contextOf('secret', place), second!).toString('utf8');
}

/**
 * The same secret under the current key: the data key is wrapped anew, and the sealed secret stays as it is. Of the old
 * format all is made anew.
 * @throws Error as `decryptSecret`: what does not open is not carried on.
 */
export function rewrapSecret(keys: SecretKeys, place: SecretPlace, stored: string): string {
  const plain = decryptSecret(keys, place, stored);
  const [format, keyId, wrapped, sealed] = stored.split(':');
  if (format === DIRECT) return encryptSecret(keys, place, plain);
  const dataKey = open(keyNamed(keys, keyId!).bytes, contextOf('key', place), Buffer.from(wrapped!, 'base64url'));
  return `${currentPrefix(keys)}${wrap(keyOf(keys.TRIAD_SECRET_KEY), place, dataKey)}:${sealed}`;
}
