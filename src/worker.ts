import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { WorkerHost } from './queue/worker-host.js';

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['log', 'warn', 'error'] });
app.enableShutdownHooks();
app.get(WorkerHost).start();
new Logger('Worker').log('Ready for jobs');
process.send?.('ready');
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the launcher is gone
