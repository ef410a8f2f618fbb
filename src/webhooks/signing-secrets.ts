import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { DomainError } from '../common/errors.js';
import { decryptSecret, encryptSecret, type SecretKeys, type SecretPlace } from '../common/secrets.js';

/** Columns of whatever signs or is signed: a secret, and during a rotation's overlap the one before it. */
export interface SecretColumns {
  id: string;
  projectId: string;
  encryptedSecret: string;
  previousEncryptedSecret: string | null;
  previousSecretUntil: Date | null;
}

interface RotatedColumns {
  encryptedSecret: string;
  previousEncryptedSecret: string | null;
  previousSecretUntil: (() => string) | null;
}

type SigningTable = 'webhook_endpoints' | 'inbound_webhooks';
type Row = Pick<SecretColumns, 'id' | 'projectId'>;

const LONGEST_OVERLAP_SECONDS = 7 * 86_400;

/** A new secret for HMAC-SHA256: `whsec_` and 32 random bytes in base64. */
export const newSigningSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/**
 * Checks a secret that another service made.
 * @throws DomainError bad_input unless it is `whsec_` and base64 of 16 bytes or more; the message does not hold it.
 */
export function checkSigningSecret(secret: string): void {
  const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
  try {
    new Webhook(secret);
  } catch {
    throw new DomainError('bad_input', 'The secret is not one of Standard Webhooks: whsec_ and base64. Copy it as the sender shows it.', 'secret');
  }
  if (bytes < 16) throw new DomainError('bad_input', `The secret holds ${bytes} bytes; fewer than 16 can be guessed.`, 'secret');
}

const placeOf = (table: SigningTable, column: 'encrypted_secret' | 'previous_encrypted_secret', { id, projectId }: Row): SecretPlace => ({ column: `${table}.${column}`, projectId, id });

/** For the column `encrypted_secret` of a row. */
export const sealSigningSecret = (keys: SecretKeys, table: SigningTable, row: Row, secret: string): string => encryptSecret(keys, placeOf(table, 'encrypted_secret', row), secret);

/**
 * What changes when a secret takes another's place: the other counts until the overlap is over. The caller holds the row.
 * @param overlapSeconds 0–604800
 * @throws DomainError bad_input for another overlap.
 */
export function rotatedTo(keys: SecretKeys, table: SigningTable, secret: string, row: SecretColumns, overlapSeconds: number): RotatedColumns {
  if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > LONGEST_OVERLAP_SECONDS) {
    throw new DomainError('bad_input', `An overlap of ${overlapSeconds} s is not possible; use 0 to ${LONGEST_OVERLAP_SECONDS} (a week).`, 'overlapSeconds');
  }
  const encryptedSecret = sealSigningSecret(keys, table, row, secret);
  if (overlapSeconds === 0) return { encryptedSecret, previousEncryptedSecret: null, previousSecretUntil: null };
  const previous = decryptSecret(keys, placeOf(table, 'encrypted_secret', row), row.encryptedSecret);
  return {
    encryptedSecret,
    previousEncryptedSecret: encryptSecret(keys, placeOf(table, 'previous_encrypted_secret', row), previous),
    previousSecretUntil: () => `now() + interval '${overlapSeconds} seconds'`,
  };
}

/**
 * The secrets that count at a time, newest first: one, or two during a rotation's overlap.
 * @param at by the database's clock, as `previousSecretUntil` is
 */
export function signingSecretsAt(keys: SecretKeys, table: SigningTable, row: SecretColumns, at: Date): string[] {
  const current = decryptSecret(keys, placeOf(table, 'encrypted_secret', row), row.encryptedSecret);
  if (row.previousEncryptedSecret === null || row.previousSecretUntil === null || at >= row.previousSecretUntil) return [current];
  return [current, decryptSecret(keys, placeOf(table, 'previous_encrypted_secret', row), row.previousEncryptedSecret)];
}
