import { Field, Float, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { StatsGroup } from './call-filter.js';

export const StatsGroupEnum = {
  model: 'model', target: 'target', promptVersion: 'promptVersion', modelVersion: 'modelVersion', deployment: 'deployment', arm: 'arm', errorCode: 'errorCode', hour: 'hour', day: 'day',
} as const satisfies { [group in StatsGroup]: group };
registerEnumType(StatsGroupEnum, { name: 'CallStatsGroup', description: 'What calls are counted by. promptVersion, modelVersion and deployment: ids. Hours and days are UTC\'s.' });

@ObjectType({ description: 'Percentiles, in milliseconds.' })
export class Percentiles {
  @Field(() => Float) p50: number;
  @Field(() => Float) p95: number;
  @Field(() => Float) p99: number;
}

@ObjectType({ description: 'Calls of a group.' })
export class CallStats {
  @Field(() => String, { nullable: true, description: 'The group; of an hour or a day its beginning (ISO 8601). Null: those without.' }) key: string | null;
  @Field(() => Float) calls: number;
  @Field(() => Float) failed: number;
  @Field(() => Float) cached: number;
  @Field(() => Float) promptTokens: number;
  @Field(() => Float) completionTokens: number;
  @Field(() => Float) cost: number;
  @Field(() => Percentiles) latencyMs: Percentiles;
  @Field(() => Percentiles, { nullable: true, description: 'Of streams. Null: there was none.' }) firstTokenMs: Percentiles | null;
}

export const percentiles = ([p50, p95, p99]: [number, number, number]): Percentiles => ({ p50, p95, p99 });
