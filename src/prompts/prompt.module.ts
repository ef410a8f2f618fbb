import { Module } from '@nestjs/common';
import { PromptRepository } from './prompt.repository.js';
import { PromptResolver, PromptVersionResolver } from './prompt.resolver.js';
import { PromptService } from './prompt.service.js';

@Module({
  providers: [PromptRepository, PromptService, PromptResolver, PromptVersionResolver],
  exports: [PromptService],
})
export class PromptModule {}
