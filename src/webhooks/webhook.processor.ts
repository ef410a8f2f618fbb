import { Injectable } from '@nestjs/common';
import { RequestContext } from '../common/request-context.js';
import { HandlesJob } from '../queue/handles-job.js';
import type { JobPayload } from '../queue/jobs.js';
import { Reconciles } from '../queue/reconciles.js';
import { WebhookDeliveryService } from './webhook-delivery.service.js';
import { WebhookReplayService } from './webhook-replay.service.js';

@Injectable()
export class WebhookProcessor {
  constructor(
    private readonly deliveries: WebhookDeliveryService,
    private readonly replays: WebhookReplayService,
  ) {}

  @HandlesJob('webhook.fan-out')
  fanOut(payload: JobPayload): Promise<void> {
    return this.deliveries.fanOut(RequestContext.forJob(payload.projectId, 'webhook.fan-out'), payload['eventId']!);
  }

  @HandlesJob('webhook.deliver')
  deliver(payload: JobPayload, stop: AbortSignal): Promise<void> {
    return this.deliveries.deliver(RequestContext.forJob(payload.projectId, 'webhook.deliver'), payload['deliveryId']!, stop);
  }

  @HandlesJob('webhook.replay')
  replay(payload: JobPayload): Promise<void> {
    return this.replays.run(RequestContext.forJob(payload.projectId, 'webhook.replay'), payload['replayId']!);
  }

  @Reconciles()
  reconcile(): Promise<number> {
    return this.deliveries.reconcile();
  }

  @Reconciles()
  forget(): Promise<number> {
    return this.deliveries.forget();
  }

  @Reconciles()
  reconcileReplays(): Promise<number> {
    return this.replays.reconcile();
  }
}
