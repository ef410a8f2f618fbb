import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsNumber, IsObject, IsOptional, IsPositive, IsString, Max, Min, ValidateNested } from 'class-validator';
import { GraphQLJSONObject } from 'graphql-scalars';
import { connectionOf, CreatedFilter, listArgsOf, NamedFilter } from '../common/pagination.js';
import { EstimateType, RunFailureType } from '../common/run.types.js';
import type { Grader } from '../contracts/contracts.generated.js';
import type { Verdict } from './comparison.service.js';
import type { Selection } from './evaluation-dataset.service.js';
import type { Estimate, EvaluationStatus, Sampling } from './evaluation.entity.js';

export const EvaluationStatusEnum = { queued: 'queued', running: 'running', succeeded: 'succeeded', failed: 'failed', cancelled: 'cancelled' } as const;
registerEnumType(EvaluationStatusEnum, { name: 'EvaluationStatus' });
export const VerdictEnum = { gain: 'gain', loss: 'loss', no_difference_shown: 'no_difference_shown' } as const;
registerEnumType(VerdictEnum, { name: 'Verdict', description: 'gain and loss need an interval without 0 and a sign test significant after Holm\'s correction.' });
export const SelectionEnum = { best_by_reward: 'best_by_reward', best_by_gold: 'best_by_gold' } as const;
registerEnumType(SelectionEnum, { name: 'AnswerSelection', description: 'Which of an item\'s answers is kept.' });

@Directive('@key(fields: "id")')
@ObjectType({ description: 'What all candidates are measured on: the same items, the same gold grader. Immutable.' })
export class EvaluationSuite {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => GraphQLJSONObject, { description: 'contracts/grader.schema.json.' }) grader: Grader;
  @Field({ description: 'Never trained on; answers are not shown one by one.' }) sealed: boolean;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'How answers are drawn.' })
export class EvaluationSampling implements Sampling {
  @Field(() => Int, { description: 'Answers per item.' }) n: number;
  @Field(() => Float, { description: '0 is greedy.' }) temperature: number;
  @Field(() => Int, { description: 'Of one answer.' }) maxTokens: number;
  @Field(() => Int) seed: number;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A candidate (model, prompt, sampling, selection) on a suite.' })
export class EvaluationRun {
  @Field(() => ID) id: string;
  @Field(() => EvaluationStatusEnum) status: EvaluationStatus;
  @Field(() => EvaluationSampling) sampling: Sampling;
  @Field(() => Int, { description: 'Items of the suite.' }) items: number;
  @Field(() => Int, { description: 'Items answered so far.' }) done: number;
  @Field(() => EstimateType, { nullable: true, description: 'Mean gold score of the chosen answers; null until the run has succeeded.' }) gold: Estimate | null;
  @Field(() => Float, { nullable: true, description: 'Mean gold score of all answers: what a random choice reaches.' }) goldMean: number | null;
  @Field(() => Float, { nullable: true, description: 'Mean of each item\'s best gold score: what a perfect choice reaches.' }) goldBest: number | null;
  @Field(() => Float, { nullable: true, description: 'Mean reward of the chosen answers.' }) rewardMean: number | null;
  @Field(() => Int, { nullable: true, description: 'Prompts count once per item.' }) promptTokens: number | null;
  @Field(() => Int, { nullable: true }) completionTokens: number | null;
  @Field(() => Float, { description: 'Wall seconds of answering so far, over all attempts; loading of models is left out.' }) seconds: number;
  @Field(() => Float, { nullable: true, description: 'Seconds at the price of this machine.' }) cost: number | null;
  @Field(() => Int, { description: 'Raised each time a worker takes the run.' }) attempt: number;
  @Field(() => RunFailureType, { nullable: true }) failure: RunFailureType | null;
  @Field() createdAt: Date;
  @Field(() => Date, { nullable: true }) startedAt: Date | null;
  @Field(() => Date, { nullable: true }) finishedAt: Date | null;
  suiteId: string;
  modelVersionId: string;
  promptVersionId: string | null;
  rewardVersionId: string | null;
}

@ObjectType({ description: 'One answer to one item.' })
export class EvaluationSample {
  @Field(() => ID) id: string;
  @Field(() => Int, { description: 'Row of the suite\'s data, from 0.' }) item: number;
  @Field(() => Int, { description: 'Answer within the item, from 0.' }) sample: number;
  @Field() output: string;
  @Field(() => Float) gold: number;
  @Field(() => Float, { nullable: true, description: 'Raw reward.' }) reward: number | null;
  @Field({ description: 'Whether it counts as the item\'s answer: the best by reward, or the first.' }) chosen: boolean;
  @Field(() => Int) promptTokens: number;
  @Field(() => Int) completionTokens: number;
  @Field() finishReason: string;
}

@ObjectType({ description: 'A candidate against the baseline, item by item.' })
export class EvaluationComparison {
  @Field(() => ID) runId: string;
  @Field(() => VerdictEnum) verdict: Verdict;
  @Field(() => EstimateType, { description: 'Mean of candidate minus baseline; paired bootstrap over items.' }) difference: Estimate;
  @Field(() => Int, { description: 'Items on which the candidate scores higher.' }) wins: number;
  @Field(() => Int) losses: number;
  @Field(() => Int) ties: number;
  @Field(() => Float, { description: 'Exact sign test, two-sided, without ties.' }) pValue: number;
  @Field(() => Float, { description: 'After Holm\'s correction for all comparisons of this call.' }) adjustedPValue: number;
  @Field(() => Int, { nullable: true, description: 'Items that would show a difference of this size with 80% power; null when there is none.' }) itemsForPower: number | null;
}

export const EvaluationSuiteConnection = connectionOf(EvaluationSuite, 'EvaluationSuite');
export const EvaluationRunConnection = connectionOf(EvaluationRun, 'EvaluationRun');
export const EvaluationSampleConnection = connectionOf(EvaluationSample, 'EvaluationSample');

@InputType()
export class CreateEvaluationSuiteInput {
  @Field() @IsString() name: string;
  @Field({ description: '`datasets:/name/3` or `datasets:/name@latest`, of format prompt.' }) @IsString() dataset: string;
  @Field(() => GraphQLJSONObject, { description: 'contracts/grader.schema.json; string_check or function_call.' }) @IsObject() grader: object;
  @Field(() => Boolean, { nullable: true, description: 'true insists on it; a suite on a sealed data set always is.' }) @IsOptional() @IsBoolean() sealed?: boolean | null;
}

@InputType()
export class EvaluationSamplingInput implements Sampling {
  @Field(() => Int, { defaultValue: 1 }) @IsInt() @Min(1) @Max(64) n: number = 1;
  @Field(() => Float, { defaultValue: 0 }) @IsNumber() @Min(0) @Max(2) temperature: number = 0;
  @Field(() => Int, { defaultValue: 256 }) @IsInt() @Min(1) @Max(32_768) maxTokens: number = 256;
  @Field(() => Int, { defaultValue: 0 }) @IsInt() @Min(0) seed: number = 0;
}

@InputType()
export class StartEvaluationInput {
  @Field({ description: 'Name of the suite.' }) @IsString() suite: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `models:/name`.' }) @IsString() model: string;
  @Field(() => String, { nullable: true, description: 'Prompt that the items fill in; needed when they are variables.' }) @IsOptional() @IsString() prompt?: string | null;
  @Field(() => EvaluationSamplingInput, { nullable: true, description: 'By default one greedy answer.' }) @IsOptional() @ValidateNested() @Type(() => EvaluationSamplingInput) sampling?: EvaluationSamplingInput | null;
  @Field(() => String, { nullable: true, description: 'Scores every answer; the best of an item\'s n is its answer.' }) @IsOptional() @IsString() rewardModel?: string | null;
}

@InputType()
export class CreateDatasetFromEvaluationInput {
  @Field(() => ID) @IsString() runId: string;
  @Field({ description: 'Name of the data set.' }) @IsString() name: string;
  @Field(() => SelectionEnum) @IsIn(Object.values(SelectionEnum)) select: Selection;
  @Field(() => String, { nullable: true, description: 'By default that of the suite\'s data.' }) @IsOptional() @IsString() licence?: string | null;
  @Field(() => Float, { nullable: true, description: 'With best_by_reward: the share of items to keep, highest reward first, over 0 and at most 1. Default: 1.' }) @IsOptional() @IsPositive() @Max(1) keep?: number | null;
}

@InputType()
export class EvaluationSuiteFilter extends NamedFilter {
  @Field(() => Boolean, { nullable: true }) @IsOptional() @IsBoolean() sealed?: boolean | null;
}

@InputType()
export class EvaluationRunFilter extends CreatedFilter {
  @Field(() => [EvaluationStatusEnum], { nullable: true, description: 'Any of these.' }) @IsOptional() @IsIn(Object.values(EvaluationStatusEnum), { each: true }) status?: EvaluationStatus[] | null;
  @Field(() => ID, { nullable: true }) @IsOptional() @IsString() modelVersionId?: string | null;
  @Field(() => ID, { nullable: true }) @IsOptional() @IsString() promptVersionId?: string | null;
}

@InputType()
export class EvaluationSampleFilter {
  @Field(() => Boolean, { nullable: true }) @IsOptional() @IsBoolean() chosen?: boolean | null;
  @Field(() => Float, { nullable: true, description: 'Gold score at least.' }) @IsOptional() @IsNumber() minGold?: number | null;
  @Field(() => Float, { nullable: true, description: 'Gold score at most.' }) @IsOptional() @IsNumber() maxGold?: number | null;
}

@ArgsType()
export class EvaluationSuitesArgs extends listArgsOf('EvaluationSuite', EvaluationSuiteFilter, ['created_at', 'name']) {}
@ArgsType()
export class EvaluationSamplesArgs extends listArgsOf('EvaluationSample', EvaluationSampleFilter, ['item', 'gold'], 'asc') {}

/** `gold`: runs without a score count as lowest. */
@ArgsType()
export class EvaluationRunsArgs extends listArgsOf('EvaluationRun', EvaluationRunFilter, ['created_at', 'gold']) {
  @Field(() => String, { nullable: true, description: 'Only runs on the suite of this name.' }) @IsOptional() @IsString() suite?: string | null;
}
