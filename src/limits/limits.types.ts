import { Field, Float, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';
import type { LimitName } from '../common/limits.js';

export const LimitNameEnum = {
  requestsPerMinute: 'requestsPerMinute', tokensPerMinute: 'tokensPerMinute', concurrentJobs: 'concurrentJobs', storageBytes: 'storageBytes', budget: 'budget',
} as const;
registerEnumType(LimitNameEnum, {
  name: 'LimitName',
  description: 'What may be limited. budget: money per calendar month (UTC), in the currency of the configured prices. concurrentJobs: fine-tune jobs and evaluation runs that are queued or running.',
});

const UNLIMITED = 'Null: the server\'s default for a project, none beside its project\'s for an API key. 0: no limit.';
const MAX_RATE = 1_000_000_000;

@InputType({ description: `All limits at once. ${UNLIMITED}` })
export class LimitsInput {
  @Field(() => Int, { nullable: true }) @IsOptional() @IsInt() @Min(0) @Max(MAX_RATE) requestsPerMinute?: number | null;
  @Field(() => Int, { nullable: true, description: 'Of prompts and answers of chat completions, together.' }) @IsOptional() @IsInt() @Min(0) @Max(MAX_RATE) tokensPerMinute?: number | null;
  @Field(() => Int, { nullable: true }) @IsOptional() @IsInt() @Min(0) concurrentJobs?: number | null;
  @Field(() => Float, { nullable: true, description: 'A whole number.' }) @IsOptional() @IsInt() @Min(0) storageBytes?: number | null;
  @Field(() => Float, { nullable: true }) @IsOptional() @IsNumber() @Min(0) @Max(MAX_RATE) budget?: number | null;
}

@ObjectType({ description: `Limits as they are set. ${UNLIMITED}` })
export class LimitSettings {
  @Field(() => Int, { nullable: true }) requestsPerMinute?: number | null;
  @Field(() => Int, { nullable: true }) tokensPerMinute?: number | null;
  @Field(() => Int, { nullable: true }) concurrentJobs?: number | null;
  @Field(() => Float, { nullable: true }) storageBytes?: number | null;
  @Field(() => Float, { nullable: true }) budget?: number | null;
}

@ObjectType({ description: 'A limit, and what is used of it.' })
export class LimitUsage {
  @Field(() => LimitNameEnum) name: LimitName;
  @Field(() => Float, { nullable: true, description: 'Null for a rate that is not limited, and so not counted.' }) used: number | null;
  @Field(() => Float, { nullable: true, description: 'Null: not limited.' }) limit: number | null;
  @Field(() => Date, { nullable: true, description: 'When all of it is free again, if time alone frees it.' }) resetsAt: Date | null;
}

@ObjectType({ description: 'What the caller\'s project, and the API key it came with, may use and have used.' })
export class LimitsReport {
  @Field(() => [LimitUsage]) project: LimitUsage[];
  @Field(() => [LimitUsage], { description: 'Empty for a caller without an API key.' }) key: LimitUsage[];
  @Field(() => Float, { description: 'Tokens of prompts, this calendar month (UTC), of the whole project; a second late.' }) promptTokens: number;
  @Field(() => Float, { description: 'Tokens of answers, likewise.' }) completionTokens: number;
  @Field(() => Float, { description: 'Money, likewise.' }) cost: number;
}
