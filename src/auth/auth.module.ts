import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthService } from './auth.service.js';
import { RequestContextGuard } from './request-context.guard.js';

@Global()
@Module({
  providers: [AuthService, { provide: APP_GUARD, useClass: RequestContextGuard }],
  exports: [AuthService],
})
export class AuthModule {}
