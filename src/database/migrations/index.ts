import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { Limits1764120000000 } from './1764120000000-limits.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, Limits1764120000000];
