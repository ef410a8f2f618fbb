import { Field, Float, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { StatsGroup } from './call-filter.js';

export const StatsGroupEnum = {
  model: 'model', target: 'target', promptVersion: 'promptVersion', modelVersion: 'modelVersion', deployment: 'deployment', arm: 'arm', errorCode: 'errorCode', hour: 'hour', day: 'day',
} as const satisfies { [group in StatsGroup]: group };
registerEnumType(StatsGroupEnum, { name: 'CallStatsGroup', description: 'What calls are counted by. promptVersion, modelVersion and deployment: ids. Hours and days are UTC\'s.' });

@ObjectType({ description: 'Percentiles, in milliseconds.' })
export class Percentiles {
  @Field(() => Float, { description: 'Half were as fast, in milliseconds.' }) p50: number;
  @Field(() => Float, { description: '95 of 100 were as fast, in milliseconds.' }) p95: number;
  @Field(() => Float, { description: '99 of 100 were as fast, in milliseconds.' }) p99: number;
}

@ObjectType({ description: 'Calls of a group.' })
export class CallStats {
  @Field(() => String, { nullable: true, description: 'The group; of an hour or a day its beginning (ISO 8601). Null: those without.' }) key: string | null;
  @Field(() => Float, { description: 'How many.' }) calls: number;
  @Field(() => Float, { description: 'How many of them have an error code.' }) failed: number;
  @Field(() => Float, { description: 'How many of them the cache of answers gave.' }) cached: number;
  @Field(() => Float, { description: 'Of all together.' }) promptTokens: number;
  @Field(() => Float, { description: 'Of all together.' }) completionTokens: number;
  @Field(() => Float, { description: 'Of all together, in the currency of the configured prices.' }) cost: number;
  @Field(() => Percentiles, { description: 'From when calls came in to the end of their answers.' }) latencyMs: Percentiles;
  @Field(() => Percentiles, { nullable: true, description: 'Of streams. Null: there was none.' }) firstTokenMs: Percentiles | null;
}

export const percentiles = ([p50, p95, p99]: [number, number, number]): Percentiles => ({ p50, p95, p99 });
