import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { Commands1764090000000 } from './1764090000000-commands.js';
import { Access1764100000000 } from './1764100000000-access.js';
import { OutboxOrder1764150000000 } from './1764150000000-outbox-order.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, Commands1764090000000, Access1764100000000, OutboxOrder1764150000000];
