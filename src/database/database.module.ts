import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { dataSourceOptions } from './data-source.js';
import { Database } from './database.js';
import { Notifications } from './notifications.js';

@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({ inject: [CONFIG], useFactory: (config: Config) => dataSourceOptions(config.DATABASE_URL) }),
  ],
  providers: [Database, Notifications],
  exports: [Database, Notifications],
})
export class DatabaseModule {}
