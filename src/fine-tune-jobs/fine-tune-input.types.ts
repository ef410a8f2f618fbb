import { Field, Float, InputType, Int, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { IsIn, IsObject, IsOptional, IsString } from 'class-validator';
import type { FineTuneMethod } from './fine-tune-job.entity.js';
import type { NewFineTuneJob } from './fine-tune-input.service.js';

export const FineTuneMethodEnum = { sft: 'sft', dpo: 'dpo', reward: 'reward', grpo: 'grpo' } as const satisfies Record<FineTuneMethod, FineTuneMethod>;
registerEnumType(FineTuneMethodEnum, {
  name: 'FineTuneMethod',
  description: 'sft: learn completions. dpo: prefer chosen over rejected answers. reward: a reward model from preferences. grpo: reinforcement learning on a grader.',
});
export const SchedulerEnum = { constant: 'constant', linear: 'linear', cosine: 'cosine' } as const;
registerEnumType(SchedulerEnum, { name: 'LearningRateScheduler' });

/** Ranges are those of contracts/job-spec.schema.json, against which the whole is checked. */
@InputType({ description: 'How to optimise. What is left out has a default that suits the method.' })
export class HyperparametersInput {
  @Field(() => Int, { nullable: true, description: 'Optimiser steps. Default: 3 passes over the rows for sft, 1 for the others.' }) maxSteps?: number | null;
  @Field(() => Int, { nullable: true, description: 'Rows per optimiser step; grpo: completions per step, a multiple of rl.groupSize. Default: 16.' }) batchSize?: number | null;
  @Field(() => Int, { nullable: true, description: 'Forward passes a batch is cut into, to save memory. Default: 1.' }) gradientAccumulationSteps?: number | null;
  @Field(() => Float, { nullable: true, description: 'Default: sft 2e-4, reward 1e-4, dpo and grpo 2e-5.' }) learningRate?: number | null;
  @Field(() => SchedulerEnum, { nullable: true, description: 'Default: linear.' }) scheduler?: 'constant' | 'linear' | 'cosine' | null;
  @Field(() => Int, { nullable: true, description: 'Default: 0.' }) warmupSteps?: number | null;
  @Field(() => Float, { nullable: true, description: 'Default: 0.' }) weightDecay?: number | null;
  @Field(() => Int, { nullable: true, description: 'Tokens of prompt and answer; longer rows are cut. Default: 512.' }) maxLength?: number | null;
  @Field(() => Int, { nullable: true, description: 'Default: a tenth of the steps.' }) checkpointEverySteps?: number | null;
  @Field(() => Int, { nullable: true, description: 'Steps between measurements on the held-out rows. Default: none; with rl.gold a tenth of the steps.' }) evalEverySteps?: number | null;
  @Field(() => Float, { nullable: true, description: 'dpo: strength of the implicit KL, default 0.1. grpo: KL coefficient, default 0.04.' }) beta?: number | null;
}

@InputType({ description: 'Low-rank adapter. A job that starts from an adapter trains that one on and ignores this.' })
export class LoraInput {
  @Field(() => Int, { nullable: true, description: 'Rank. Default: 16.' }) r?: number | null;
  @Field(() => Int, { nullable: true, description: 'Default: 32.' }) alpha?: number | null;
  @Field(() => Float, { nullable: true, description: 'Default: 0.' }) dropout?: number | null;
  @Field(() => Int, { nullable: true, description: 'Layers below stay frozen, which makes the backward pass shorter. Default: 0.' }) firstLayer?: number | null;
}

@InputType({ description: 'Options of method reward.' })
export class RewardModelInput {
  @Field(() => Int, { nullable: true, description: 'Keep only the first n layers of the backbone. Default: all.' }) layers?: number | null;
}

@InputType({ description: 'Alarms of a run; each is an event of level warn the first time it is passed.' })
export class RlGuardsInput {
  @Field(() => Float, { nullable: true, description: 'Mean KL per token to the starting policy, nats. Default: 0.15; null: none.' }) maxKl?: number | null;
  @Field(() => Float, { nullable: true, description: 'Mean answer length over that of the first step. Default: 1.5; null: none.' }) maxLengthRatio?: number | null;
  @Field(() => Boolean, { nullable: true, description: 'End the run at the first alarm; what it made until then is registered. Default: false.' }) stop?: boolean | null;
}

@InputType({ description: 'Options of method grpo.' })
export class RlInput {
  @Field(() => Int, { nullable: true, description: 'Answers sampled per prompt. Default: 8.' }) groupSize?: number | null;
  @Field(() => Float, { nullable: true, description: 'Default: 1.' }) temperature?: number | null;
  @Field(() => Int, { nullable: true, description: 'Default: 128.' }) maxNewTokens?: number | null;
  @Field(() => GraphQLJSONObject, { description: 'Grader that the policy is trained on (contracts/grader.schema.json).' }) reward: object;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'Independent grader, never trained on: measured on the held-out rows.' }) gold?: object | null;
  @Field(() => RlGuardsInput, { nullable: true }) guards?: RlGuardsInput | null;
}

@InputType()
export class CreateFineTuneJobInput implements NewFineTuneJob {
  @Field(() => FineTuneMethodEnum) @IsIn(Object.values(FineTuneMethodEnum)) method: FineTuneMethod;
  @Field({ description: 'Base or adapter to start from (reward: its backbone), such as `models:/smollm2/1` or `models:/smart-home@champion`.' }) @IsString() model: string;
  @Field({ description: 'Such as `datasets:/smart-home/1`. Format: sft for sft, preference for dpo and reward, prompt for grpo.' }) @IsString() dataset: string;
  @Field(() => String, { nullable: true, description: 'Prompt version that renders rows with `input`, such as `prompts:/smart-home@production`.' }) @IsOptional() @IsString() prompt?: string | null;
  @Field({ description: 'Model that the result becomes a version of; created if absent.' }) @IsString() registerAs: string;
  @Field(() => Int, { nullable: true, description: 'The same seed gives the same result on the same machine. Default: 0.' }) @IsOptional() seed?: number | null;
  @Field(() => HyperparametersInput, { nullable: true }) @IsOptional() @IsObject() hyperparameters?: HyperparametersInput | null;
  @Field(() => LoraInput, { nullable: true }) @IsOptional() @IsObject() lora?: LoraInput | null;
  @Field(() => RewardModelInput, { nullable: true }) @IsOptional() @IsObject() reward?: RewardModelInput | null;
  @Field(() => RlInput, { nullable: true }) @IsOptional() @IsObject() rl?: RlInput | null;
}
