import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { ServiceLogger } from './common/service-logger.js';
import { loadConfig } from './config/config.js';
import { WorkerHost } from './queue/worker-host.js';

const app = await NestFactory.createApplicationContext(AppModule, { logger: new ServiceLogger(loadConfig().TRIAD_LOG_LEVEL) });
app.enableShutdownHooks();
app.get(WorkerHost).start();
new Logger('Worker').log('Ready for jobs');
process.send?.('ready');
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the launcher is gone
