import { Module } from '@nestjs/common';
import { PromptIncludeRepository } from './prompt-include.repository.js';
import { PromptIncludesService } from './prompt-includes.service.js';
import { PromptRepository } from './prompt.repository.js';
import { PromptResolver, PromptVersionResolver } from './prompt.resolver.js';
import { PromptService } from './prompt.service.js';
import { ReadyPromptsService } from './ready-prompts.service.js';

@Module({
  providers: [PromptRepository, PromptIncludeRepository, PromptIncludesService, ReadyPromptsService, PromptService, PromptResolver, PromptVersionResolver],
  exports: [PromptService],
})
export class PromptModule {}
