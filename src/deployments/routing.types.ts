import { ArgsType, Field, Float, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsIn, IsInt, IsNumber, IsOptional, IsString, Max, MaxLength, Min, ValidateNested } from 'class-validator';
import { STICKY_BY, type StickyBy } from './deployment.entity.js';

export const StickyByEnum = { caller: 'caller', api_key: 'api_key', none: 'none' } as const satisfies Record<StickyBy, StickyBy>;
registerEnumType(StickyByEnum, {
  name: 'StickyBy',
  description: 'What keeps a caller at one arm. caller: the header x-triad-sticky-key, else the request\'s `user`; a call with neither is drawn anew. api_key: the API key or user that calls. none: each call is drawn anew.',
});

const TARGET = '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`.';
/** A day: longer than any call. */
const LONGEST_MS = 86_400_000;
const optional = { nullable: true } as const;

@ObjectType({ description: 'One of the targets that a deployment\'s calls are split over.' })
export class RoutingArm {
  @Field({ description: TARGET }) target: string;
  @Field(() => Int, { description: 'Its share, relative to the others\'.' }) weight: number;
}

@ObjectType({ description: 'Asking the same target again.' })
export class RetryPolicy {
  @Field(() => Int, { description: 'Repeats at most, in the whole call.' }) max: number;
  @Field(() => Int, { description: 'The wait before repeat n is a random part of this times 2ⁿ.' }) backoffBaseMs: number;
  @Field(() => Int, { description: 'Of this at most.' }) backoffCapMs: number;
  @Field(() => Int, { description: 'A longer Retry-After is not waited for.' }) retryAfterCapMs: number;
  @Field(() => Float, { description: 'Repeats per call that are allowed in the long run.' }) budgetRatio: number;
  @Field(() => Float, { description: 'And how many each second besides.' }) budgetPerSecond: number;
  @Field(() => [Int], { description: 'Statuses that count as the target\'s failure beside 401, 402, 403, 404, 408, 409, 429 and 5xx.' }) alsoOn: number[];
}

@ObjectType({ description: 'Milliseconds.' })
export class TimeoutPolicy {
  @Field(() => Int, { description: 'Of one attempt: until its whole answer is here, or a stream\'s first event.' }) firstByteMs: number;
  @Field(() => Int, { description: 'Of the whole call: attempts, waits, and the answer to its end.' }) totalMs: number;
  @Field(() => Int, { nullable: true, description: 'Longest silence within an answer; null: TRIAD_STREAM_IDLE_MS.' }) idleMs: number | null;
}

@ObjectType({ description: 'When a target is left alone for a while. Each process of the API judges by what it sees.' })
export class BreakerPolicy {
  @Field(() => Float, { description: 'Share of failures in the window that opens it.' }) failureRatio: number;
  @Field(() => Int, { description: 'Attempts that the window must hold at least.' }) minCalls: number;
  @Field(() => Int, { description: 'Seconds that attempts count for.' }) windowSeconds: number;
  @Field(() => Int, { description: 'How long until one call may try the target again.' }) openSeconds: number;
}

@ObjectType({ description: 'Whole answers kept for the same request.' })
export class CachePolicy {
  @Field(() => Int, { description: 'Seconds that an answer is kept.' }) ttlSeconds: number;
  @Field({ description: 'Only answers to requests with `temperature: 0` or a `seed`, and embeddings.' }) onlyDeterministic: boolean;
}

@ObjectType({ description: 'Where a deployment\'s calls go, and what happens when a target fails.' })
export class RoutingPolicy {
  @Field(() => [RoutingArm], { description: 'Targets that calls are split over.' }) arms: RoutingArm[];
  @Field(() => [String], { description: 'Asked in this order when the arm\'s target has failed.' }) fallbacks: string[];
  @Field(() => RetryPolicy, { description: 'How a target that failed is asked again.' }) retries: RetryPolicy;
  @Field(() => TimeoutPolicy, { description: 'How long calls may take.' }) timeouts: TimeoutPolicy;
  @Field(() => BreakerPolicy, { nullable: true, description: 'Null: none.' }) breaker: BreakerPolicy | null;
  @Field(() => CachePolicy, { nullable: true, description: 'Null: none.' }) cache: CachePolicy | null;
  @Field({ description: 'Identical requests in flight share one call.' }) coalesce: boolean;
  @Field(() => StickyByEnum, { description: 'What keeps a caller at one arm.' }) stickyBy: StickyBy;
}

@InputType({ description: 'One of the targets that calls are split over.' })
export class RoutingArmInput {
  @Field({ description: TARGET }) @IsString() @MaxLength(500) target: string;
  @Field(() => Int, { defaultValue: 1, description: 'Its share, relative to the others\': 0 to 10000.' }) @IsInt() @Min(0) @Max(10_000) weight: number = 1;
}

@InputType({ description: 'What is left out stays as it is, and is by default as said.' })
export class RetryPolicyInput {
  @Field(() => Int, { ...optional, description: 'Repeats at most: 0 to 10; 2.' }) @IsOptional() @IsInt() @Min(0) @Max(10) max?: number | null;
  @Field(() => Int, { ...optional, description: '1 to 60000; 250.' }) @IsOptional() @IsInt() @Min(1) @Max(60_000) backoffBaseMs?: number | null;
  @Field(() => Int, { ...optional, description: '1 to 60000; 4000.' }) @IsOptional() @IsInt() @Min(1) @Max(60_000) backoffCapMs?: number | null;
  @Field(() => Int, { ...optional, description: '0 to 120000; 5000.' }) @IsOptional() @IsInt() @Min(0) @Max(120_000) retryAfterCapMs?: number | null;
  @Field(() => Float, { ...optional, description: '0 to 1; 0.2.' }) @IsOptional() @IsNumber() @Min(0) @Max(1) budgetRatio?: number | null;
  @Field(() => Float, { ...optional, description: '0 to 1000; 1. With both 0 nothing is repeated.' }) @IsOptional() @IsNumber() @Min(0) @Max(1_000) budgetPerSecond?: number | null;
  @Field(() => [Int], { ...optional, description: 'At most 20, each 400 to 599; none.' }) @IsOptional() @IsArray() @ArrayMaxSize(20) @IsInt({ each: true }) @Min(400, { each: true }) @Max(599, { each: true }) alsoOn?: number[] | null;
}

@InputType({ description: 'Milliseconds. What is left out stays as it is, and is by default as said.' })
export class TimeoutPolicyInput {
  @Field(() => Int, { ...optional, description: '600000. Make it shorter where there are fallbacks.' }) @IsOptional() @IsInt() @Min(1) @Max(LONGEST_MS) firstByteMs?: number | null;
  @Field(() => Int, { ...optional, description: '1800000.' }) @IsOptional() @IsInt() @Min(1) @Max(LONGEST_MS) totalMs?: number | null;
  @Field(() => Int, { ...optional, description: 'Null, the default: TRIAD_STREAM_IDLE_MS.' }) @IsOptional() @IsInt() @Min(1) @Max(LONGEST_MS) idleMs?: number | null;
}

@InputType({ description: 'What is left out stays as it is, and is by default as said.' })
export class BreakerPolicyInput {
  @Field(() => Float, { ...optional, description: '0.01 to 1; 0.5.' }) @IsOptional() @IsNumber() @Min(0.01) @Max(1) failureRatio?: number | null;
  @Field(() => Int, { ...optional, description: '1 to 10000; 10.' }) @IsOptional() @IsInt() @Min(1) @Max(10_000) minCalls?: number | null;
  @Field(() => Int, { ...optional, description: '1 to 600; 30.' }) @IsOptional() @IsInt() @Min(1) @Max(600) windowSeconds?: number | null;
  @Field(() => Int, { ...optional, description: '1 to 3600; 15.' }) @IsOptional() @IsInt() @Min(1) @Max(3_600) openSeconds?: number | null;
}

@InputType({ description: 'What is left out stays as it is, and is by default as said.' })
export class CachePolicyInput {
  @Field(() => Int, { ...optional, description: '1 to 604800 (a week); 300.' }) @IsOptional() @IsInt() @Min(1) @Max(604_800) ttlSeconds?: number | null;
  @Field(() => Boolean, { ...optional, description: 'false.' }) @IsOptional() @IsBoolean() onlyDeterministic?: boolean | null;
}

@InputType({ description: 'Where calls go, and what happens when a target fails. What is left out stays as it is, and is by default as said.' })
export class RoutingPolicyInput {
  @Field(() => [RoutingArmInput], { ...optional, description: '1 to 10; of a new deployment by default its target.' })
  @IsOptional() @IsArray() @ArrayMinSize(1) @ArrayMaxSize(10) @ValidateNested({ each: true }) @Type(() => RoutingArmInput) arms?: RoutingArmInput[] | null;

  @Field(() => [String], { ...optional, description: 'At most 10 targets; none.' })
  @IsOptional() @IsArray() @ArrayMaxSize(10) @IsString({ each: true }) @MaxLength(500, { each: true }) fallbacks?: string[] | null;

  @Field(() => RetryPolicyInput, { ...optional, description: 'How a target that failed is asked again.' }) @IsOptional() @ValidateNested() @Type(() => RetryPolicyInput) retries?: RetryPolicyInput | null;
  @Field(() => TimeoutPolicyInput, { ...optional, description: 'How long calls may take.' }) @IsOptional() @ValidateNested() @Type(() => TimeoutPolicyInput) timeouts?: TimeoutPolicyInput | null;

  @Field(() => BreakerPolicyInput, { ...optional, description: 'Null: none. By default there is one.' })
  @IsOptional() @ValidateNested() @Type(() => BreakerPolicyInput) breaker?: BreakerPolicyInput | null;

  @Field(() => CachePolicyInput, { ...optional, description: 'Null, the default: none.' })
  @IsOptional() @ValidateNested() @Type(() => CachePolicyInput) cache?: CachePolicyInput | null;

  @Field(() => Boolean, { ...optional, description: 'false.' }) @IsOptional() @IsBoolean() coalesce?: boolean | null;
  @Field(() => StickyByEnum, { ...optional, description: 'caller.' }) @IsOptional() @IsIn(STICKY_BY) stickyBy?: StickyBy | null;
}

const EXPECTED = { ...optional, description: 'The `revision` that the change is meant for: with it nothing is changed if somebody else did meanwhile.' };

@ArgsType()
export class UpdateDeploymentArgs {
  @Field({ description: 'Of the deployment.' }) @IsString() name: string;
  @Field(() => RoutingPolicyInput, { description: 'What is to change.' }) @ValidateNested() @Type(() => RoutingPolicyInput) routing: RoutingPolicyInput;
  @Field(() => Int, EXPECTED) @IsOptional() @IsInt() expectedRevision?: number | null;
}

@ArgsType()
export class SetDeploymentWeightsArgs {
  @Field({ description: 'Of the deployment.' }) @IsString() name: string;

  @Field(() => [RoutingArmInput], { description: 'Weights of arms that the deployment has; those of others stay.' })
  @IsArray() @ArrayMinSize(1) @ArrayMaxSize(10) @ValidateNested({ each: true }) @Type(() => RoutingArmInput) weights: RoutingArmInput[];

  @Field(() => Int, EXPECTED) @IsOptional() @IsInt() expectedRevision?: number | null;
}

@ArgsType()
export class DeleteDeploymentArgs {
  @Field({ description: 'Of the deployment.' }) @IsString() name: string;
  @Field(() => Int, EXPECTED) @IsOptional() @IsInt() expectedRevision?: number | null;
}
