import multipart from '@fastify/multipart';
import helmet from '@fastify/helmet';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import { AppModule } from './app.module.js';
import { answerWrongMethods, EDGE_OPTIONS } from './common/edge-errors.js';
import { ServiceLogger } from './common/service-logger.js';
import { loadConfig } from './config/config.js';

/** Builds the API without listening; main.ts, the generators and the tests share it. */
export async function createApplication(): Promise<NestFastifyApplication> {
  const config = loadConfig();
  const adapter = new FastifyAdapter({ genReqId: () => `req-${randomUUID()}`, bodyLimit: 8 * 1024 * 1024, ...EDGE_OPTIONS });
  answerWrongMethods(adapter.getInstance());
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: new ServiceLogger(config.TRIAD_LOG_LEVEL), rawBody: true });
  await app.register(helmet);
  await app.register(multipart, { limits: { fileSize: config.TRIAD_UPLOAD_MAX_BYTES, files: 1 } });
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }));
  adapter.getInstance().addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.enableShutdownHooks();
  return app;
}
