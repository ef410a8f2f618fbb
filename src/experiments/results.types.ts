import { Field, Float, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { GuardMetric, Metric } from './experiment.entity.js';
import { GuardMetricEnum, MetricEnum } from './experiment.types.js';
import type { ArmMetric as ArmMetricResult, ArmResult, ComparisonResult, GuardResult, Outcome, SampleRatio } from './results.js';

export const OutcomeEnum = { better: 'better', worse: 'worse', undecided: 'undecided' } as const;
registerEnumType(OutcomeEnum, { name: 'ExperimentOutcome', description: 'better and worse need an interval without 0.' });

@ObjectType({ description: 'Contains the true value at all times of looking together, with probability 1 − alpha: a confidence sequence.' })
export class AnytimeInterval {
  @Field(() => Float, { description: 'Lower end.' }) low: number;
  @Field(() => Float, { description: 'Upper end.' }) high: number;
}

@ObjectType({ description: 'Arm minus control, with its confidence sequence; all arms together keep alpha (Bonferroni).' })
export class ExperimentDifference extends AnytimeInterval {
  @Field(() => Float, { description: 'The difference as it was observed, in the unit of the metric.' }) value: number;
}

@ObjectType({ description: 'A metric of an arm.' })
export class ExperimentArmMetric implements ArmMetricResult {
  @Field(() => MetricEnum, { description: 'What was measured.' }) metric: Metric;
  @Field(() => Int, { description: 'Units that count: keys, and calls without one; of feedback, those that were judged.' }) n: number;
  @Field(() => Float, { nullable: true, description: 'Of the units, each by its own mean.' }) mean: number | null;
  @Field(() => AnytimeInterval, { nullable: true, description: 'null while there are too few units.' }) interval: AnytimeInterval | null;
}

@ObjectType({ description: 'What an arm gave.' })
export class ExperimentArmResult implements ArmResult {
  @Field({ description: 'Its name.' }) arm: string;
  @Field(() => Int, { description: 'Calls that it got.' }) calls: number;
  @Field(() => Int, { description: 'Sticky keys, and calls without one.' }) units: number;
  @Field(() => Int, { description: 'Sticky keys among the units.' }) keys: number;
  @Field(() => [ExperimentArmMetric], { description: 'What was measured of it.' }) metrics: ExperimentArmMetric[];
}

@ObjectType({ description: 'An arm against the control.' })
export class ExperimentComparison implements ComparisonResult {
  @Field(() => MetricEnum, { description: 'What is compared.' }) metric: Metric;
  @Field({ description: 'The name of the arm; it is compared with the control.' }) arm: string;
  @Field(() => ExperimentDifference, { nullable: true, description: 'null while there are too few units.' }) difference: ExperimentDifference | null;
  @Field(() => OutcomeEnum, { description: 'What the difference comes to.' }) outcome: Outcome;
  @Field({ description: 'The same for people.' }) words: string;
}

@ObjectType({ description: 'How an arm stands to a guard. Each unit counts by its first call, or first feedback.' })
export class ExperimentGuardResult implements GuardResult {
  @Field(() => GuardMetricEnum, { description: 'Of the guard.' }) metric: GuardMetric;
  @Field({ description: 'The name of the arm.' }) arm: string;
  @Field(() => Float, { nullable: true, description: 'How much worse than the control it is, or what it is itself; of latency_p95 the share of units that are slower than the limit.' }) observed: number | null;
  @Field(() => Float, { nullable: true, description: 'The same, at its mildest within its confidence sequence.' }) atLeast: number | null;
  @Field(() => Float, { description: 'What the guard allows, in the unit of `observed`.' }) allowed: number;
  @Field({ description: 'Whether the evidence is that it is worse than that.' }) violated: boolean;
  @Field({ description: 'The same for people.' }) words: string;
}

@ObjectType({ description: 'Whether units went to arms as the weights say; a sequential test.' })
export class ExperimentSampleRatio implements SampleRatio {
  @Field(() => Float, { description: 'Below p at some time of looking with probability p at most, while all is well.' }) pValue: number;
  @Field({ description: 'p below 0.001: do not trust the results.' }) mismatch: boolean;
}

@ObjectType({ description: 'What an experiment has shown so far. Look as often as you like, and stop when you like: docs/guides/experiments.md.' })
export class ExperimentResults {
  @Field(() => [ExperimentArmResult], { description: 'What each arm gave, in their order.' }) arms: ExperimentArmResult[];
  @Field(() => [ExperimentComparison], { description: 'First of the primary metric, which decides, then of the others.' }) comparisons: ExperimentComparison[];
  @Field(() => [ExperimentGuardResult], { description: 'How each arm stands to each guard.' }) guards: ExperimentGuardResult[];
  @Field(() => ExperimentSampleRatio, { description: 'Whether the traffic was shared out as it should be.' }) sampleRatio: ExperimentSampleRatio;
  @Field({ description: 'What it comes to, for people.' }) words: string;
}
