import multipart from '@fastify/multipart';
import helmet from '@fastify/helmet';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyBaseLogger, LogController } from 'fastify';
import { AppModule } from './app.module.js';
import { AuthService } from './auth/auth.service.js';
import { answerWrongMethods, EDGE_OPTIONS } from './common/edge-errors.js';
import { assertShallow } from './common/json-depth.js';
import { loadConfig } from './config/config.js';
import { GatewayRoutes } from './gateway/gateway.routes.js';
import { serveQueueBoard } from './observability/queue-board.js';
import { observeRequests, requestIdOf } from './observability/request-observer.js';
import { createLogger, ServiceLogger } from './observability/service-logger.js';
import { PromptRoutes } from './prompts/prompt.routes.js';
import { Queues } from './queue/queues.js';

/** Builds the API without listening; main.ts, the generators and the tests share it. */
export async function createApplication(): Promise<NestFastifyApplication> {
  const config = loadConfig();
  const logger = createLogger(config.TRIAD_LOG_LEVEL);
  const adapter = new FastifyAdapter({
    genReqId: requestIdOf,
    bodyLimit: 8 * 1024 * 1024,
    ...EDGE_OPTIONS,
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }), // observeRequests has a line of its own
    childLoggerFactory: (parent: FastifyBaseLogger) => parent, // each line finds its request by itself
  });
  observeRequests(adapter.getInstance(), logger);
  answerWrongMethods(adapter.getInstance());
  // rawBody: webhooks that come in are signed over their bytes.
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: new ServiceLogger(logger), rawBody: true });
  await app.register(helmet);
  await app.register(multipart, { limits: { fileSize: config.TRIAD_UPLOAD_MAX_BYTES, files: 1 } });
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }));
  adapter.getInstance().addHook('preValidation', (request, _reply, done) => {
    assertShallow(request.body);
    done();
  });
  await app.get(GatewayRoutes).serve(adapter.getInstance());
  await app.get(PromptRoutes).serve(adapter.getInstance());
  await serveQueueBoard(adapter.getInstance(), app.get(AuthService), app.get(Queues));
  return app;
}
