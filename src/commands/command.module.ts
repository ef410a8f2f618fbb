import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuditResolver } from './audit.resolver.js';
import { CommandInterceptor } from './command.interceptor.js';
import { CommandRepository } from './command.repository.js';
import { CommandService } from './command.service.js';

@Global()
@Module({
  providers: [CommandRepository, CommandService, AuditResolver, { provide: APP_INTERCEPTOR, useClass: CommandInterceptor }],
  exports: [CommandService],
})
export class CommandModule {}
