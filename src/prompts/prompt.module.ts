import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { PromptExchangeResolver } from './exchange/exchange.resolver.js';
import { PromptExportService } from './exchange/prompt-export.service.js';
import { PromptImportService } from './exchange/prompt-import.service.js';
import { PromptVersionsRepository } from './exchange/prompt-versions.repository.js';
import { PromptDiffResolver } from './prompt-diff.resolver.js';
import { PromptDiffService } from './prompt-diff.service.js';
import { PromptFolderRepository } from './prompt-folder.repository.js';
import { PromptFolderResolver, PromptLibraryResolver, PromptUseResolver } from './prompt-library.resolver.js';
import { PromptIncludeRepository } from './prompt-include.repository.js';
import { PromptIncludesService } from './prompt-includes.service.js';
import { PromptLibraryService } from './prompt-library.service.js';
import { PromptRepository } from './prompt.repository.js';
import { PromptController } from './prompt.controller.js';
import { PromptResolver, PromptVersionResolver } from './prompt.resolver.js';
import { PromptService } from './prompt.service.js';
import { ProtectedLabelRepository } from './protected-label.repository.js';
import { ProtectedLabelService } from './protected-label.service.js';
import { ReadyPromptsService } from './ready-prompts.service.js';

@Module({
  imports: [ModelModule],
  controllers: [PromptController],
  providers: [
    PromptRepository, PromptService, PromptResolver, PromptVersionResolver, PromptIncludeRepository, PromptIncludesService, ReadyPromptsService,
    ProtectedLabelRepository, ProtectedLabelService, PromptFolderRepository, PromptLibraryService, PromptLibraryResolver, PromptFolderResolver, PromptUseResolver,
    PromptDiffService, PromptDiffResolver, PromptVersionsRepository, PromptExportService, PromptImportService, PromptExchangeResolver,
  ],
  exports: [PromptService],
})
export class PromptModule {}
