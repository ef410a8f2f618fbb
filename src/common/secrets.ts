import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const FORMAT = 'v1';

/** Names a key without telling it, so that a row says which key opens it. */
const keyId = (key: Buffer): string => createHash('sha256').update('triad-key-id').update(key).digest('base64url').slice(0, 8);

/** @throws Error unless `key` is the base64 (or base64url) of 32 bytes. */
function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== 32) throw new Error(`TRIAD_SECRET_KEY holds ${bytes.length} bytes; it must be 32 random bytes in base64`);
  return bytes;
}

/**
 * Encrypts with AES-256-GCM, bound to the project: a row copied to another project does not decrypt.
 * @param key TRIAD_SECRET_KEY
 * @returns `v1:<key id>:<iv>:<tag>:<ciphertext>`, the last three in base64url.
 */
export function encryptSecret(key: string, projectId: string, plain: string): string {
  const bytes = keyBytes(key);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', bytes, iv).setAAD(Buffer.from(projectId));
  const ciphertext = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return [FORMAT, keyId(bytes), ...[iv, cipher.getAuthTag(), ciphertext].map((part) => part.toString('base64url'))].join(':');
}

/**
 * Opens what `encryptSecret` made.
 * @throws Error when it was made with another key or for another project, or was changed; the message holds no secret.
 */
export function decryptSecret(key: string, projectId: string, stored: string): string {
  const bytes = keyBytes(key);
  const [format, id, iv, tag, ciphertext, ...rest] = stored.split(':');
  if (format !== FORMAT || ciphertext === undefined || rest.length > 0) throw new Error('A stored secret is not in a known format');
  if (id !== keyId(bytes)) throw new Error(`A stored secret was encrypted with key ${id}, and TRIAD_SECRET_KEY is key ${keyId(bytes)}; set the key it was made with`);
  const decipher = createDecipheriv('aes-256-gcm', bytes, Buffer.from(iv!, 'base64url'), { authTagLength: 16 })
    .setAAD(Buffer.from(projectId)).setAuthTag(Buffer.from(tag!, 'base64url'));
  try {
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString('utf8');
  } catch {
    throw new Error('A stored secret was changed, or belongs to another project');
  }
}
