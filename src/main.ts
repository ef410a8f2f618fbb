import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { createApplication } from './application.js';
import { BootstrapService } from './auth/bootstrap.service.js';
import { CONFIG, type Config } from './config/config.js';

const app = await createApplication();
const firstKey = await app.get(BootstrapService).firstKey();
if (firstKey) console.log(`The first API key, an admin's of project "default", shown this once: ${firstKey}`);
const config = app.get<Config>(CONFIG);
await app.listen(config.TRIAD_PORT, config.TRIAD_HOST);
new Logger('API').log(`Listening on ${await app.getUrl()}`);
process.send?.('ready');
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM')); // the launcher is gone
