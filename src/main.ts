import 'reflect-metadata';
import { startTracing } from './observability/tracing.js';

const stopTracing = await startTracing('triad-api'); // before what it instruments is loaded
const [{ Logger }, { createApplication }, { BootstrapService }, { CONFIG }, { RequestDrain, stopOnSignal }, { HealthService }] = await Promise.all([
  import('@nestjs/common'), import('./application.js'), import('./auth/bootstrap.service.js'), import('./config/config.js'), import('./graceful-shutdown.js'), import('./observability/health.service.js'),
]);

/** For what is left when the requests are answered: subscriptions, and connections to Postgres and Redis. */
const CLOSE_LIMIT_MS = 10_000;

const app = await createApplication();
const firstKey = await app.get(BootstrapService).firstKey();
if (firstKey) console.log(`The first API key, an admin's of project "default", shown this once: ${firstKey}`);
const config = app.get<import('./config/config.js').Config>(CONFIG);
const requests = new RequestDrain(app.getHttpServer());
stopOnSignal(async () => {
  app.get(HealthService).beginShutdown();
  await requests.drain(config.TRIAD_SHUTDOWN_GRACE_MS);
  await app.close();
  await stopTracing();
}, config.TRIAD_SHUTDOWN_GRACE_MS + CLOSE_LIMIT_MS);
await app.listen(config.TRIAD_PORT, config.TRIAD_HOST);
new Logger('API').log(`Listening on ${await app.getUrl()}`);
process.send?.('ready');
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the launcher is gone
