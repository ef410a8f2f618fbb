import { Inject, Injectable } from '@nestjs/common';
import { join } from 'node:path';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { UsageService } from '../limits/usage.service.js';
import { LineageService, type LineageEdge, type LineageRef } from '../models/lineage.service.js';
import type { LineageRelation, ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';
import { FineTuneEventService } from './fine-tune-event.service.js';
import type { FineTuneJobEntity } from './fine-tune-job.entity.js';
import { artefactDirectory } from './run-paths.js';

/** Makes what a job trained a version of a model, and notes what it came from and cost. */
@Injectable()
export class FineTuneResultService {
  constructor(
    private readonly models: ModelService,
    private readonly lineage: LineageService,
    private readonly events: FineTuneEventService,
    private readonly usage: UsageService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * In the caller's transaction.
   * @throws DomainError bad_data when the files are not what the trainer said they are.
   */
  async register(tx: RequestContext, job: FineTuneJobEntity): Promise<ModelVersionEntity> {
    const artefact = await this.events.artefactOf(tx, job);
    if (!artefact) throw new Error(`Job ${job.id} has no artefact in attempt ${job.attempt}`);
    const from = await this.models.findVersionById(tx, job.fromVersionId);
    const version = await this.models.registerVersion(tx, {
      name: job.registerAs, kind: job.method === 'reward' ? 'reward' : 'adapter',
      directory: join(this.config.TRIAD_HOME, artefactDirectory(job.id, job.attempt)), manifest: artefact.manifest,
      baseVersionId: from.baseVersionId ?? from.id, licence: from.licence, jobId: job.id, promptVersionId: job.promptVersionId,
    });
    await this.lineage.link(tx, edgesTo(version, job));
    const hours = (job.summary?.seconds ?? 0) / 3600;
    await this.usage.charge(tx, job.createdBy, { promptTokens: 0, completionTokens: 0, cost: hours * this.config.TRIAD_COMPUTE_PRICE_PER_HOUR });
    return version;
  }
}

function edgesTo(version: ModelVersionEntity, job: FineTuneJobEntity): LineageEdge[] {
  const edge = (type: LineageRef['type'], id: string, relation: LineageRelation): LineageEdge =>
    ({ from: { type, id }, to: { type: 'model_version', id: version.id }, relation });
  const { rl } = job.settings;
  return [
    edge('fine_tune_job', job.id, 'trained_by'),
    edge('model_version', job.fromVersionId, 'weights_derived'),
    edge('dataset_version', job.datasetVersionId, 'data_derived'),
    ...(job.promptVersionId === null ? [] : [job.promptVersionId, ...new Set(Object.values(job.promptPins))]).map((id) => edge('prompt_version', id, 'rendered_with')),
    ...(rl?.reward.type === 'reward_model' ? [edge('model_version', rl.reward.modelVersionId, 'scored_by')] : []),
  ];
}
