import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CONFIG, type Config } from '../config/config.js';
import { HealthService } from './health.service.js';
import { mayReadMetrics, METRICS_REFUSAL } from './metrics-access.js';
import { requestIdOf } from './request-observer.js';
import { StateMetrics } from './state-metrics.js';

/** Health and metrics of a worker, which serves nothing else. */
@Injectable()
export class OperationsServer implements OnApplicationShutdown {
  private server: Server | null = null;

  constructor(
    private readonly health: HealthService,
    private readonly metrics: StateMetrics,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Listens on TRIAD_WORKER_PORT; without it, does nothing. */
  async start(): Promise<void> {
    if (this.config.TRIAD_WORKER_PORT === undefined) return;
    this.server = createServer((request, response) => {
      response.setHeader('x-request-id', requestIdOf(request));
      this.answer(request, response).catch(() => response.destroy());
    });
    this.server.listen(this.config.TRIAD_WORKER_PORT, this.config.TRIAD_HOST);
    await once(this.server, 'listening');
  }

  /** Last: until its trainers have ended a worker still says that it is not ready. */
  onApplicationShutdown(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/health/live') return json(response, 200, { status: 'ok' });
    if (request.url === '/health/ready') {
      const readiness = await this.health.readiness();
      return json(response, readiness.status === 'ok' ? 200 : 503, readiness);
    }
    if (request.url !== '/metrics') return json(response, 404, { error: { message: 'A worker answers /health/live, /health/ready and /metrics.', code: 'not_found' } });
    const { headers, socket: { remoteAddress } } = request;
    if (!mayReadMetrics({ headers, remoteAddress }, { token: this.config.TRIAD_METRICS_TOKEN, production: this.config.TRIAD_ENV === 'production' })) return json(response, 403, { error: { message: METRICS_REFUSAL, code: 'forbidden' } });
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(await this.metrics.render());
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
