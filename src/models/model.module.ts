import { Module } from '@nestjs/common';
import { ArtefactStore } from './artefact-store.js';
import { LineageRepository } from './lineage.repository.js';
import { LineageService } from './lineage.service.js';
import { ModelRepository } from './model.repository.js';
import { ModelService } from './model.service.js';

@Module({
  providers: [ArtefactStore, LineageRepository, LineageService, ModelRepository, ModelService],
  exports: [LineageService, ModelService],
})
export class ModelModule {}
