import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import type { DeploymentEntity } from '../deployments/deployment.entity.js';
import { type Target, TargetService } from '../deployments/target.service.js';

/** What a model name stands for. */
export interface Plan {
  /** Null when a provider's model or a registry reference was named. */
  deployment: DeploymentEntity | null;
  target: Target;
}

/** Plans by model name, remembered: finding one costs the hot path no query. */
@Injectable()
export class PlanService {
  private readonly plans: Remembered<Plan>;

  constructor(private readonly targets: TargetService, database: Database, notifications: Notifications) {
    this.plans = new Remembered(database, notifications, { topic: 'deployments', alsoTopics: ['models'], freshMs: 1_000, max: 10_000 });
  }

  /**
   * @param name `models:/name@alias`, `models:/name/3`, a deployment's name, or `<provider>/<model>`
   * @throws DomainError model_not_found naming the forms that are possible.
   */
  of(ctx: RequestContext, name: string): Plan | Promise<Plan> {
    return this.plans.get(ctx.projectId, name, () => this.targets.plan(ctx, name)) as Plan | Promise<Plan>;
  }
}
