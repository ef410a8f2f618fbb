import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { Database } from './database.js';
import { Notifications } from './notifications.js';

@Global()
@Module({
  providers: [{ provide: Database, inject: [CONFIG], useFactory: (config: Config) => Database.connect(config) }, Notifications],
  exports: [Database, Notifications],
})
export class DatabaseModule {}
