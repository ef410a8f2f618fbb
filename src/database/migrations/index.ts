import type { MigrationInterface } from 'typeorm';
import { Initial1764000000000 } from './1764000000000-initial.js';
import { Commands1764090000000 } from './1764090000000-commands.js';
import { Access1764100000000 } from './1764100000000-access.js';
import { Webhooks1764110000000 } from './1764110000000-webhooks.js';
import { Limits1764120000000 } from './1764120000000-limits.js';
import { TraceContext1764130000000 } from './1764130000000-trace-context.js';
import { OutboxOrder1764150000000 } from './1764150000000-outbox-order.js';
import { KeysetIndexes1764155000000 } from './1764155000000-keyset-indexes.js';
import { InboundMessagesAge1764160000000 } from './1764160000000-inbound-messages-age.js';
import { Redelivery1764170000000 } from './1764170000000-redelivery.js';
import { EndpointRevision1764180000000 } from './1764180000000-endpoint-revision.js';
import { PromptTemplates1764200000000 } from './1764200000000-prompt-templates.js';
import { PromptLibrary1764210000000 } from './1764210000000-prompt-library.js';
import { Calls1764220000000 } from './1764220000000-calls.js';
import { Experiments1764230000000 } from './1764230000000-experiments.js';
import { ProviderKinds1764240000000 } from './1764240000000-provider-kinds.js';
import { Routing1764250000000 } from './1764250000000-routing.js';
import { PromptIncludes1764260000000 } from './1764260000000-prompt-includes.js';

/** In order of age. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [Initial1764000000000, Commands1764090000000, Access1764100000000, Webhooks1764110000000, Limits1764120000000, TraceContext1764130000000, OutboxOrder1764150000000, KeysetIndexes1764155000000, InboundMessagesAge1764160000000, Redelivery1764170000000, EndpointRevision1764180000000, PromptTemplates1764200000000, PromptLibrary1764210000000, Calls1764220000000, Experiments1764230000000, ProviderKinds1764240000000, Routing1764250000000, PromptIncludes1764260000000];
