import { Module } from '@nestjs/common';
import { EventService } from './event.service.js';
import { WebhookRepository } from './webhook.repository.js';

@Module({
  providers: [WebhookRepository, EventService],
  exports: [EventService],
})
export class WebhookModule {}
