import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { PromptFolderRepository } from './prompt-folder.repository.js';
import { PromptFolderResolver, PromptLibraryResolver, PromptUseResolver } from './prompt-library.resolver.js';
import { PromptLibraryService } from './prompt-library.service.js';
import { PromptRepository } from './prompt.repository.js';
import { PromptResolver, PromptVersionResolver } from './prompt.resolver.js';
import { PromptService } from './prompt.service.js';
import { ProtectedLabelRepository } from './protected-label.repository.js';
import { ProtectedLabelService } from './protected-label.service.js';

@Module({
  imports: [ModelModule],
  providers: [
    PromptRepository, PromptService, PromptResolver, PromptVersionResolver,
    ProtectedLabelRepository, ProtectedLabelService, PromptFolderRepository, PromptLibraryService, PromptLibraryResolver, PromptFolderResolver, PromptUseResolver,
  ],
  exports: [PromptService],
})
export class PromptModule {}
