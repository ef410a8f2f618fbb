import { Field, Float, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsNumber, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { DatasetVersion } from '../datasets/dataset.types.js';
import type { Deduplication } from './call-dataset.service.js';
import { CallFilterInput } from './call.types.js';
import { type CallDatasetKind, type LeftOut, LEFT_OUT, type PromptUse } from './training-rows.js';

const KindEnum = { sft: 'sft', preference: 'preference' } as const satisfies { [kind in CallDatasetKind]: kind };
registerEnumType(KindEnum, {
  name: 'CallDatasetKind', description: 'What the rows train.',
  valuesMap: {
    sft: { description: 'Answers that are good, and corrections.' },
    preference: { description: 'Pairs: a correction over the answer, the answer over what it was preferred over.' },
  },
});
const PromptUseEnum = { folded: 'folded', stripped: 'stripped' } as const satisfies { [use in PromptUse]: use };
registerEnumType(PromptUseEnum, {
  name: 'CallPromptUse', description: 'What rows hold of a registered prompt.',
  valuesMap: {
    folded: { description: 'Rows hold the prompt as it was rendered.' },
    stripped: { description: 'Rows hold the caller\'s own messages; or, when the registered prompt made all of them, the variables it was filled in with.' },
  },
});
const DedupeEnum = { prompt: 'prompt', row: 'row', none: 'none' } as const satisfies { [each in Deduplication]: each };
registerEnumType(DedupeEnum, {
  name: 'CallDeduplication',
  description: 'What is a duplicate, of which the newest stays. Differences in case and white space do not count.',
  valuesMap: {
    prompt: { description: 'What asks the same.' }, row: { description: 'What asks the same and answers the same.' }, none: { description: 'Nothing.' },
  },
});
const LeftOutEnum = Object.fromEntries(Object.keys(LEFT_OUT).map((reason) => [reason, reason]));
registerEnumType(LeftOutEnum, { name: 'CallLeftOutReason', description: 'Why a call gave no row, or feedback no pair.', valuesMap: Object.fromEntries(Object.entries(LEFT_OUT).map(([reason, description]) => [reason, { description }])) });

@InputType({ description: 'Which calls become rows, and how.' })
export class CreateDatasetFromCallsInput {
  @Field({ description: 'Of the data set; may hold slashes as folders.' }) @IsString() name: string;
  @Field({ description: 'Identifier in the licence catalogue (query `licences`): under which the answers may be trained on; `own` for data of your own.' }) @IsString() licence: string;
  @Field(() => CallFilterInput, { nullable: true, description: 'Of the calls that have feedback.' }) @IsOptional() @ValidateNested() @Type(() => CallFilterInput) filter?: CallFilterInput | null;
  @Field(() => KindEnum, { description: 'What the rows are for.' }) @IsIn(Object.values(KindEnum)) kind: CallDatasetKind;
  @Field(() => PromptUseEnum, { defaultValue: 'folded', description: 'What the rows hold of a registered prompt.' }) @IsIn(Object.values(PromptUseEnum)) prompt: PromptUse;
  @Field(() => Float, { nullable: true, description: 'An answer whose mean score is this or more is good; without it only those with a thumb up are.' }) @IsOptional() @IsNumber() minScore?: number | null;
  @Field({ defaultValue: true, description: 'Whether corrected answers make rows; of preference, pairs.' }) @IsBoolean() includeCorrections: boolean;
  @Field(() => DedupeEnum, { defaultValue: 'row', description: 'What is a duplicate.' }) @IsIn(Object.values(DedupeEnum)) dedupe: Deduplication;
  @Field(() => Int, { defaultValue: 10_000, description: 'Rows at most, 1–100000; those of the newest calls.' }) @IsInt() @Min(1) @Max(100_000) limit: number;
  @Field(() => Float, { defaultValue: 0, description: 'Share of prompts to hold out, 0–0.5.' }) @IsNumber() @Min(0) @Max(0.5) holdout: number;
}

@ObjectType({ description: 'Calls that gave no row, or feedback that gave no pair.' })
export class CallsLeftOut {
  @Field(() => LeftOutEnum, { description: 'Why, for programs.' }) reason: LeftOut;
  @Field(() => Int, { description: 'How many.' }) count: number;
  @Field({ description: 'The reason, for people.' }) meaning: string;
}

@ObjectType({ description: 'The data set, and what became of the calls that were looked at.' })
export class DatasetFromCallsResult {
  @Field(() => DatasetVersion, { description: 'The new version of the data set.' }) version: DatasetVersion;
  @Field(() => Int, { description: 'Calls with feedback that were looked at.' }) calls: number;
  @Field(() => Int, { description: 'Rows that were there already.' }) duplicates: number;
  @Field(() => [CallsLeftOut], { description: 'What was left out and why, the most frequent first.' }) leftOut: CallsLeftOut[];
}
