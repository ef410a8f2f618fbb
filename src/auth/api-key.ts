import { createHash, randomBytes } from 'node:crypto';

/** A new API key: recognisable by its prefix, 256 random bits. */
export const generateApiKey = (): string => `triad_${randomBytes(32).toString('base64url')}`;

/** What is kept of a key. A plain hash is enough for 256 random bits. */
export const hashApiKey = (key: string): string => createHash('sha256').update(key).digest('hex');
