import { Module } from '@nestjs/common';
import { WebhookModule } from '../webhooks/webhook.module.js';
import { ArtefactStore } from './artefact-store.js';
import { LineageRepository } from './lineage.repository.js';
import { LineageService } from './lineage.service.js';
import { ModelRepository } from './model.repository.js';
import { LineageResolver, LicenceResolver } from './lineage.resolver.js';
import { ModelResolver, ModelVersionResolver } from './model.resolver.js';
import { ModelService } from './model.service.js';

@Module({
  imports: [WebhookModule],
  providers: [ArtefactStore, LineageRepository, LineageService, LineageResolver, LicenceResolver, ModelRepository, ModelService, ModelResolver, ModelVersionResolver],
  exports: [LineageService, ModelService],
})
export class ModelModule {}
