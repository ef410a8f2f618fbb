import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsInt, IsNumber, IsOptional, IsString, Max, MaxLength, Min, ValidateNested } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';
import type { ArmInput, ArmWeight, ExperimentInput, GuardInput } from './experiment-design.service.js';
import type { ExperimentStatus, ExperimentSubject, GuardMetric, Guard, Halt, Metric } from './experiment.entity.js';
import { GUARD_METRICS, METRIC_NAMES } from './metrics.js';

export const ExperimentStatusEnum = { draft: 'draft', running: 'running', stopped: 'stopped', halted: 'halted' } as const;
registerEnumType(ExperimentStatusEnum, { name: 'ExperimentStatus', description: 'halted: a guard was violated, and all traffic gets again what the subject names.' });
export const ExperimentSubjectEnum = { prompt: 'prompt', deployment: 'deployment', model: 'model' } as const;
registerEnumType(ExperimentSubjectEnum, { name: 'ExperimentSubject', description: 'What apps call: a label of a prompt, a deployment, or an alias of a registered model.' });
const enumOf = <T extends string>(names: readonly T[]) => Object.fromEntries(names.map((name) => [name, name])) as Record<T, T>;
export const MetricEnum = enumOf(METRIC_NAMES);
registerEnumType(MetricEnum, { name: 'ExperimentMetric', description: 'Of every call that takes part: error_rate, latency_ms (mean), cost, tokens. Of feedback: thumb_rate (share of thumbs that are up), score (mean).' });
export const GuardMetricEnum = enumOf(GUARD_METRICS);
registerEnumType(GuardMetricEnum, { name: 'GuardMetric', description: 'As ExperimentMetric, and the 95th percentile of latency in milliseconds.' });

@ObjectType({ description: 'What a share of the calls gets.' })
export class ExperimentArm {
  @Field(() => ID, { description: 'Identifier, `arm_…`.' }) id: string;
  @Field({ description: 'Its name within the experiment.' }) name: string;
  @Field(() => Float, { description: 'Its share is its weight among the weights of all arms.' }) weight: number;
  @Field(() => Int, { nullable: true, description: 'Number of the prompt\'s version.' }) promptVersion: number | null;
  @Field(() => String, { nullable: true, description: 'Name of the model.' }) model: string | null;
  promptVersionId: string | null;
}

@ObjectType({ description: 'What no arm may do; when one does, the experiment is halted.' })
export class ExperimentGuard implements Guard {
  @Field(() => GuardMetricEnum, { description: 'What is looked at.' }) metric: GuardMetric;
  @Field(() => Float, { nullable: true, description: 'How much worse than the control\'s the arm\'s mean may be.' }) maxWorse: number | null;
  @Field(() => Float, { nullable: true, description: 'What the arm\'s own mean, or 95th percentile, may not be worse than.' }) limit: number | null;
}

@ObjectType({ description: 'Why an experiment was halted.' })
export class ExperimentHalt implements Halt {
  @Field(() => GuardMetricEnum, { nullable: true, description: 'Of the guard that was violated; null when the subject, or the target of an arm, was deleted.' }) metric: GuardMetric | null;
  @Field(() => String, { nullable: true, description: 'That violates the guard, or whose target was deleted; null when the subject was.' }) arm: string | null;
  @Field({ description: 'For people: what happened.' }) message: string;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'An A/B/n comparison on the traffic of a prompt\'s label, a deployment or a model\'s alias. Apps go on calling that.' })
export class Experiment {
  @Field(() => ID, { description: 'Identifier, `exp_…`.' }) id: string;
  @Field({ description: 'For people.' }) name: string;
  @Field(() => String, { nullable: true, description: 'What is expected, and why.' }) hypothesis: string | null;
  @Field(() => ExperimentStatusEnum, { description: 'Where it is in its life.' }) status: ExperimentStatus;
  @Field(() => ExperimentSubjectEnum, { description: 'What kind of name apps call.' }) subject: ExperimentSubject;
  @Field({ description: 'Of the prompt, the deployment or the model.' }) subjectName: string;
  @Field({ description: 'Label of the prompt, or alias of the model; empty for a deployment.' }) label: string;
  @Field({ description: 'Name of the arm that the others are compared with.' }) control: string;
  @Field(() => Float, { description: 'Share of the traffic that takes part; the rest gets what the subject names.' }) allocation: number;
  @Field(() => MetricEnum, { description: 'What decides.' }) primaryMetric: Metric;
  @Field(() => [ExperimentGuard], { description: 'What no arm may do.' }) guards: ExperimentGuard[];
  @Field(() => Float, { description: 'How often, at most, a difference in a metric may be shown where there is none, however often one looks.' }) alpha: number;
  @Field(() => Int, { description: 'Units at which intervals are tightest.' }) expectedUnits: number;
  @Field(() => Int, { description: 'How long after its first call a key\'s calls count.' }) observeSeconds: number;
  @Field(() => String, { nullable: true, description: 'What the subject names when the draft is made, and must still name at the start: a prompt\'s version by its number, a model\'s as `models:/name/3`, or the deployment\'s targets.' }) baseline: string | null;
  @Field(() => String, { nullable: true, description: 'The arm that the subject was moved to at the end.' }) promotedArm: string | null;
  @Field(() => ExperimentHalt, { nullable: true, description: 'Why it was halted; null when it was not.' }) halt: ExperimentHalt | null;
  @Field({ description: 'Who made the draft: `key:<id>` or `user:<who>`.' }) createdBy: string;
  @Field({ description: 'When it was made.' }) createdAt: Date;
  @Field(() => Date, { nullable: true, description: 'When it began to take traffic; null for a draft.' }) startedAt: Date | null;
  @Field(() => Date, { nullable: true, description: 'When it was stopped or halted.' }) finishedAt: Date | null;
}

export const ExperimentConnection = connectionOf(Experiment, 'Experiment');

@InputType({ description: 'What a share of the calls is to get.' })
export class ExperimentArmInput implements ArmInput {
  @Field({ description: '1–36 of a–z, 0–9, `_`, `.`, `-`.' }) @IsString() name: string;
  @Field(() => Float, { defaultValue: 1, description: 'Its share is its weight among the weights of all arms; 0: none.' }) @IsNumber() @Min(0) @Max(1_000_000) weight: number = 1;
  @Field({ description: 'A version of the prompt, `prompts:/name/4` (of `prompts:/name@label`, the version that the label names now); or what may answer instead of a deployment or alias: `models:/name/3`, `models:/name@alias`, `<provider>/<model>`. For an alias\'s experiment, `models:/name@alias` is the version that it names now.' }) @IsString() @MaxLength(500) target: string;
}

@InputType({ description: 'One of maxWorse and limit.' })
export class ExperimentGuardInput implements GuardInput {
  @Field(() => GuardMetricEnum, { description: 'What is looked at; an experiment has one guard of a metric.' }) @IsIn(GUARD_METRICS) metric: GuardMetric;
  @Field(() => Float, { nullable: true, description: 'How much worse than the control\'s the arm\'s mean may be: 0.02 is two points of an error rate.' }) @IsOptional() @IsNumber() @Min(0) maxWorse?: number | null;
  @Field(() => Float, { nullable: true, description: 'What the arm\'s own mean, or 95th percentile, may not be worse than.' }) @IsOptional() @IsNumber() @Min(-1e12) @Max(1e12) limit?: number | null;
}

@InputType({ description: 'A design: what is compared, on whose traffic, and what decides.' })
export class CreateExperimentInput implements ExperimentInput {
  @Field({ description: 'For people.' }) @IsString() @MaxLength(200) name: string;
  @Field(() => String, { nullable: true, description: 'What is expected, and why.' }) @IsOptional() @IsString() @MaxLength(4000) hypothesis?: string | null;
  @Field({ description: 'What the app calls: `prompts:/name@label`, `models:/name@alias`, or the name of a deployment.' }) @IsString() @MaxLength(500) subject: string;
  @Field(() => [ExperimentArmInput], { description: 'What is compared: 1 to 10, and with the control at least 2.' }) @IsArray() @ArrayMinSize(1) @ArrayMaxSize(10) @ValidateNested({ each: true }) @Type(() => ExperimentArmInput) arms: ExperimentArmInput[];
  @Field(() => String, { nullable: true, description: 'Name of the arm that the others are compared with. Left out: an arm `control` of weight 1 is added, of what the subject names now.' }) @IsOptional() @IsString() control?: string | null;
  @Field(() => Float, { defaultValue: 1, description: 'Share of the traffic that takes part, above 0.' }) @IsNumber() @Min(0.0001) @Max(1) allocation: number = 1;
  @Field(() => MetricEnum, { description: 'What decides.' }) @IsIn(METRIC_NAMES) primaryMetric: Metric;
  @Field(() => [ExperimentGuardInput], { defaultValue: [], description: 'What no arm may do; by default nothing is forbidden.' }) @IsArray() @ArrayMaxSize(7) @ValidateNested({ each: true }) @Type(() => ExperimentGuardInput) guards: ExperimentGuardInput[] = [];
  @Field(() => Float, { defaultValue: 0.05, description: 'How often, at most, a difference may be shown where there is none.' }) @IsNumber() @Min(0.0001) @Max(0.5) alpha: number = 0.05;
  @Field(() => Int, { defaultValue: 5000, description: 'Units (keys, or calls without one) of both compared arms that you expect to decide on: intervals hold at any number and are tightest there.' }) @IsInt() @Min(100) @Max(1_000_000_000) expectedUnits: number = 5000;
  @Field(() => Int, { defaultValue: 0, description: 'A sticky key counts once: by the mean of its calls of this many seconds after its first, when they are over. 0: by its first call.' }) @IsInt() @Min(0) @Max(30 * 86_400) observeSeconds: number = 0;
}

@InputType({ description: 'A new weight of an arm.' })
export class ExperimentWeightInput implements ArmWeight {
  @Field({ description: 'Its name.' }) @IsString() arm: string;
  @Field(() => Float, { description: 'Its new weight.' }) @IsNumber() @Min(0) @Max(1_000_000) weight: number;
}

@InputType({ description: 'How the traffic is to be shared out from now on.' })
export class ReshareExperimentInput {
  @Field(() => Float, { nullable: true, description: 'Left out: as it is.' }) @IsOptional() @IsNumber() @Min(0.0001) @Max(1) allocation?: number | null;
  @Field(() => [ExperimentWeightInput], { defaultValue: [], description: 'Arms left out keep theirs.' }) @IsArray() @ArrayMaxSize(10) @ValidateNested({ each: true }) @Type(() => ExperimentWeightInput) weights: ExperimentWeightInput[] = [];
}

@InputType({ description: 'Which experiments; what is left out does not matter.' })
export class ExperimentFilter extends NamedFilter {
  @Field(() => [ExperimentStatusEnum], { nullable: true, description: 'In one of these states.' }) @IsOptional() @IsArray() @IsIn(Object.values(ExperimentStatusEnum), { each: true }) status?: ExperimentStatus[] | null;
  @Field(() => ExperimentSubjectEnum, { nullable: true, description: 'About this kind of name.' }) @IsOptional() @IsIn(Object.values(ExperimentSubjectEnum)) subject?: ExperimentSubject | null;
  @Field(() => String, { nullable: true, description: 'Of the prompt, the deployment or the model.' }) @IsOptional() @IsString() subjectName?: string | null;
}

@ArgsType()
export class ExperimentsArgs extends listArgsOf('Experiment', ExperimentFilter, ['created_at', 'name']) {}
