import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { TraceContext1764130000000 } from './1764130000000-trace-context.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, TraceContext1764130000000];
