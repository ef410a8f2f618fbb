import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { IsIn, IsInt, IsOptional, IsString } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf } from '../common/pagination.js';
import { EstimateType, RunFailureType } from '../common/run.types.js';
import type { RunFailure } from '../common/run-state.js';
import type { Estimate, FinishedEvent, RewardReport as ReportContract, RunEvent } from '../contracts/contracts.generated.js';
import type { FineTuneMethod, FineTuneSettings, FineTuneStatus } from './fine-tune-job.entity.js';
import { FineTuneMethodEnum } from './fine-tune-input.types.js';

export const FineTuneStatusEnum = {
  queued: 'queued', running: 'running', succeeded: 'succeeded', failed: 'failed', cancelled: 'cancelled',
} as const satisfies Record<FineTuneStatus, FineTuneStatus>;
registerEnumType(FineTuneStatusEnum, { name: 'FineTuneStatus', description: 'The last three are final.' });

export const FineTuneEventTypeEnum = {
  started: 'started', metrics: 'metrics', log: 'log', checkpoint: 'checkpoint', report: 'report', artefact: 'artefact', finished: 'finished',
} as const satisfies Record<RunEvent['type'], RunEvent['type']>;
registerEnumType(FineTuneEventTypeEnum, { name: 'FineTuneEventType' });

export const OutcomeEnum = { succeeded: 'succeeded', stopped: 'stopped', guard_stopped: 'guard_stopped', failed: 'failed' } as const;
registerEnumType(OutcomeEnum, { name: 'TrainerOutcome', description: 'guard_stopped: an RL guard ended the run; what it made is registered.' });

@ObjectType({ description: 'What the trainer said at the end of the latest attempt.' })
export class FineTuneSummary {
  @Field(() => OutcomeEnum) outcome: FinishedEvent['outcome'];
  @Field(() => Int, { description: 'Last optimiser step.' }) step: number;
  @Field(() => Float, { description: 'Wall-clock time of the attempt.' }) seconds: number;
  @Field(() => Float, { description: 'Processor time of the attempt, all cores.' }) cpuSeconds: number;
  @Field(() => Float, { nullable: true, description: 'Tokens that the attempt trained on.' }) trainedTokens: number | null;
  @Field(() => Float, { description: 'Of the device trained on.' }) peakMemoryBytes: number;
}

@ObjectType({ description: 'Held-out accuracy on the pairs of one value of the column `slice`.' })
export class RewardSliceReport {
  @Field() name: string;
  @Field(() => Int) pairs: number;
  @Field(() => EstimateType) accuracy: Estimate;
}

@ObjectType({ description: 'Held-out evidence for a reward model.' })
export class RewardReport implements ReportContract {
  @Field(() => Int) pairs: number;
  @Field(() => Int) prompts: number;
  @Field(() => EstimateType, { description: 'Share of pairs whose chosen answer scores higher.' }) accuracy: Estimate;
  @Field(() => [RewardSliceReport]) slices: RewardSliceReport[];
  @Field(() => Float, { description: 'Accuracy of going by length alone.' }) lengthBaselineAccuracy: number;
  @Field(() => Float, { nullable: true, description: 'Rank correlation of reward with length.' }) lengthSpearman: number | null;
  @Field(() => Float, { description: 'Expected calibration error.' }) ece: number;
  @Field(() => Float, { description: 'Mean negative log-likelihood; ln 2 is chance.' }) nll: number;
}

@ObjectType({ description: 'A state of training that an attempt can go on from.' })
export class FineTuneCheckpoint {
  @Field(() => ID) id: string;
  @Field(() => Int) attempt: number;
  @Field(() => Int) step: number;
  @Field(() => GraphQLJSONObject, { description: 'The metrics reported last before it.' }) metrics: Record<string, number | null>;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'A metric at a step.' })
export class MetricPoint {
  @Field(() => Int) step: number;
  @Field(() => Float, { nullable: true, description: 'Null when it was not finite.' }) value: number | null;
  @Field(() => Int) attempt: number;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A job that trains a model.' })
export class FineTuneJob {
  @Field(() => ID) id: string;
  @Field(() => FineTuneMethodEnum) method: FineTuneMethod;
  @Field(() => FineTuneStatusEnum) status: FineTuneStatus;
  @Field(() => Int, { description: 'How often it was started; 0 while it waits for the first time.' }) attempt: number;
  @Field(() => Int, { description: 'Optimiser steps done.' }) step: number;
  @Field(() => Float, { nullable: true, description: 'Estimated time left.' }) etaSeconds: number | null;
  @Field(() => RunFailureType, { nullable: true }) failure: RunFailure | null;
  @Field(() => FineTuneSummary, { nullable: true }) summary: FineTuneSummary | null;
  @Field(() => RewardReport, { nullable: true, description: 'For method reward.' }) rewardReport: ReportContract | null;
  @Field({ description: 'Model that the result becomes a version of.' }) registerAs: string;
  @Field(() => GraphQLJSONObject, { description: 'seed, hyperparameters, lora, reward and rl, defaults filled in.' }) settings: FineTuneSettings;
  @Field({ description: 'Who made it: `key:<id>`.' }) createdBy: string;
  @Field() createdAt: Date;
  @Field(() => Date, { nullable: true, description: 'When it was asked to stop.' }) stopRequestedAt: Date | null;
  @Field(() => Date, { nullable: true, description: 'When the first attempt started.' }) startedAt: Date | null;
  @Field(() => Date, { nullable: true }) finishedAt: Date | null;
  fromVersionId: string;
  datasetVersionId: string;
  promptVersionId: string | null;
  modelVersionId: string | null;
}

@ObjectType({ description: 'Where a job stands.' })
export class FineTuneJobState {
  @Field(() => FineTuneStatusEnum) status: FineTuneStatus;
  @Field(() => Int) step: number;
  @Field(() => Int) totalSteps: number;
  @Field(() => Float, { nullable: true }) etaSeconds: number | null;
}

@ObjectType({ description: 'Something that happened to a job.' })
export class FineTuneEvent {
  @Field({ description: 'Pass as `after` of fineTuneJobEvents to go on from here.' }) cursor: string;
  @Field(() => Int) attempt: number;
  @Field(() => FineTuneEventTypeEnum) type: RunEvent['type'];
  @Field() at: Date;
  @Field(() => GraphQLJSONObject, { description: 'By type, as contracts/run-events.schema.json says; log: {level, message}, metrics: {step, metrics, …}.' }) data: Record<string, unknown>;
}

@ObjectType({ description: 'An event, with the job as it stands.' })
export class FineTuneJobEvent extends FineTuneEvent {
  @Field(() => FineTuneJobState) job: FineTuneJobState;
}

export const FineTuneJobConnection = connectionOf(FineTuneJob, 'FineTuneJob');
export const FineTuneEventConnection = connectionOf(FineTuneEvent, 'FineTuneEvent');

@InputType()
export class FineTuneJobFilter extends CreatedFilter {
  @Field(() => [FineTuneStatusEnum], { nullable: true, description: 'Any of these.' }) @IsOptional() @IsIn(Object.values(FineTuneStatusEnum), { each: true }) status?: FineTuneStatus[] | null;
  @Field(() => FineTuneMethodEnum, { nullable: true }) @IsOptional() @IsIn(Object.values(FineTuneMethodEnum)) method?: FineTuneMethod | null;
  @Field(() => String, { nullable: true, description: 'Name of the model that it makes.' }) @IsOptional() @IsString() registerAs?: string | null;
}

@InputType()
export class FineTuneEventFilter {
  @Field(() => [FineTuneEventTypeEnum], { nullable: true, description: 'Any of these.' }) @IsOptional() @IsIn(Object.values(FineTuneEventTypeEnum), { each: true }) type?: RunEvent['type'][] | null;
  @Field(() => Int, { nullable: true }) @IsOptional() @IsInt() attempt?: number | null;
}

@ArgsType()
export class FineTuneJobsArgs extends listArgsOf('FineTuneJob', FineTuneJobFilter, ['created_at', 'register_as']) {}
@ArgsType()
export class FineTuneEventsArgs extends listArgsOf('FineTuneEvent', FineTuneEventFilter, ['sequence'], 'asc') {}
