import { Field, Float, ObjectType } from '@nestjs/graphql';
import type { RunFailure } from './run-state.js';

@ObjectType('RunFailure', { description: 'Why a run ended badly.' })
export class RunFailureType implements RunFailure {
  @Field({ description: 'Stable, for programs.' }) code: string;
  @Field({ description: 'What happened and what to do, for people.' }) message: string;
}

@ObjectType('Estimate', { description: 'A mean with its 95% percentile-bootstrap interval.' })
export class EstimateType {
  @Field(() => Float) value: number;
  @Field(() => Float) low: number;
  @Field(() => Float) high: number;
}
