import { Global, Logger, Module } from '@nestjs/common';
import { CONFIG, type Config, loadConfig, warningsOf } from './config.js';

function configured(): Config {
  const config = loadConfig();
  for (const warning of warningsOf(config)) new Logger('Config').warn(warning);
  return config;
}

@Global()
@Module({ providers: [{ provide: CONFIG, useFactory: configured }], exports: [CONFIG] })
export class ConfigModule {}
