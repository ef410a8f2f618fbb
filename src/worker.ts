import 'reflect-metadata';
import { startTracing } from './observability/tracing.js';

const stopTracing = await startTracing('triad-worker'); // before what it instruments is loaded
const [{ Logger }, { NestFactory }, { AppModule }, { loadConfig }, { stopOnSignal }, { HealthService }, { OperationsServer }, { createLogger, ServiceLogger }, { WorkerHost }] = await Promise.all([
  import('@nestjs/common'), import('@nestjs/core'), import('./app.module.js'), import('./config/config.js'), import('./graceful-shutdown.js'),
  import('./observability/health.service.js'), import('./observability/operations-server.js'), import('./observability/service-logger.js'), import('./queue/worker-host.js'),
]);

const app = await NestFactory.createApplicationContext(AppModule, { logger: new ServiceLogger(createLogger(loadConfig().TRIAD_LOG_LEVEL)) });
// Trainers write a checkpoint first: whoever stops the process decides how long that may take.
stopOnSignal(async () => {
  app.get(HealthService).beginShutdown();
  await app.close();
  await stopTracing();
}, null);
app.get(WorkerHost).start();
await app.get(OperationsServer).start();
new Logger('Worker').log('Ready for jobs');
process.send?.('ready');
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the launcher is gone
