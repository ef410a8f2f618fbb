import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Outbox } from './outbox.js';
import { OutboxRelay } from './outbox-relay.js';
import { Queues } from './queues.js';
import { WorkerHost } from './worker-host.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [Outbox, OutboxRelay, Queues, WorkerHost],
  exports: [Outbox, Queues, WorkerHost],
})
export class QueueModule {}
