import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { Notifications } from '../database/notifications.js';
import { Remembered } from '../database/remembered.js';
import { TargetService } from '../deployments/target.service.js';
import { findRoute, type Route } from './routing/route.js';

/** Routes by model name, remembered: finding one costs the hot path no query. */
@Injectable()
export class RouteService {
  private readonly routes: Remembered<Route>;

  constructor(private readonly targets: TargetService, database: Database, notifications: Notifications) {
    this.routes = new Remembered(database, notifications, { topic: 'deployments', alsoTopics: ['models'], freshMs: 1_000, max: 10_000 });
  }

  /**
   * @param name `models:/name@alias`, `models:/name/3`, a deployment's name, or `<provider>/<model>`
   * @param instead a target that takes the place of the deployment's arms, as an experiment says
   * @throws DomainError model_not_found naming the forms that are possible.
   */
  of(ctx: RequestContext, name: string, instead: string | null = null): Route | Promise<Route> {
    const key = instead === null ? name : JSON.stringify([name, instead]);
    return this.routes.get(ctx.projectId, key, () => findRoute(ctx, this.targets, name, instead)) as Route | Promise<Route>;
  }
}
