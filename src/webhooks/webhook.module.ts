import { Module } from '@nestjs/common';
import { EventService } from './event.service.js';
import { WebhookDeliveryLifecycle } from './webhook-delivery.lifecycle.js';
import { WebhookDeliveryService } from './webhook-delivery.service.js';
import { WebhookProcessor } from './webhook.processor.js';
import { WebhookRepository } from './webhook.repository.js';
import { WebhookResolver } from './webhook.resolver.js';
import { WebhookService } from './webhook.service.js';

@Module({
  providers: [WebhookRepository, WebhookDeliveryLifecycle, WebhookDeliveryService, WebhookService, EventService, WebhookProcessor, WebhookResolver],
  exports: [EventService],
})
export class WebhookModule {}
