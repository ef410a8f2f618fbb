import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { KeysetIndexes1795559741302 } from './1795559741302-keyset-indexes.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, KeysetIndexes1795559741302];
