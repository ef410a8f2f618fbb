import { hash, randomBytes } from 'node:crypto';

const PREFIX = /^(triad_[0-9a-f]{12})_[\w-]{43}$/;

/** A new API key, `triad_<12 hex digits>_<256 random bits>`: the part before the secret is kept readable, to know it by. */
export const generateApiKey = (): string => `triad_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`;

/** What is kept of a key. A plain hash is enough for 256 random bits. */
export const hashApiKey = (key: string): string => hash('sha256', key, 'hex');

/** The readable part of a key; null for one that is all secret (an operator's own, or of an older form). */
export const prefixOf = (key: string): string | null => PREFIX.exec(key)?.[1] ?? null;
