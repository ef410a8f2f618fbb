import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { Commands1764090000000 } from './1764090000000-commands.js';
import { Access1764100000000 } from './1764100000000-access.js';
import { Webhooks1764110000000 } from './1764110000000-webhooks.js';
import { Limits1764120000000 } from './1764120000000-limits.js';
import { OutboxOrder1764150000000 } from './1764150000000-outbox-order.js';
import { KeysetIndexes1795559741302 } from './1795559741302-keyset-indexes.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, Commands1764090000000, Access1764100000000, Webhooks1764110000000, Limits1764120000000, OutboxOrder1764150000000, KeysetIndexes1795559741302];
