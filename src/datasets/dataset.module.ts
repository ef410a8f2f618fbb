import { Module } from '@nestjs/common';
import { ModelModule } from '../models/model.module.js';
import { DatasetStore } from './dataset-store.js';
import { DatasetRepository } from './dataset.repository.js';
import { DatasetResolver, DatasetVersionResolver } from './dataset.resolver.js';
import { DatasetService } from './dataset.service.js';
import { FileController } from './file.controller.js';
import { FileRepository } from './file.repository.js';
import { FileService } from './file.service.js';

@Module({
  imports: [ModelModule],
  controllers: [FileController],
  providers: [DatasetRepository, DatasetStore, DatasetService, DatasetResolver, DatasetVersionResolver, FileRepository, FileService],
  exports: [DatasetService],
})
export class DatasetModule {}
