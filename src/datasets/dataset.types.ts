import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsBoolean, IsIn, IsInt, IsNumber, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { Type } from 'class-transformer';
import { GraphQLJSONObject } from 'graphql-scalars';
import { connectionOf, CreatedFilter, listArgsOf, NamedFilter } from '../common/pagination.js';
import type { DatasetFormat, FileEntity } from './dataset.entity.js';
import type { DatasetRow as Row } from './row.js';

const FILE_ID = /^file_[0-9a-z]{26}$/;

export const DatasetFormatEnum = { sft: 'sft', preference: 'preference', prompt: 'prompt' } as const;
registerEnumType(DatasetFormatEnum, {
  name: 'DatasetFormat',
  description: 'sft: learn the completion. preference: chosen over rejected. prompt: inputs with columns for graders.',
});

@ObjectType({ description: 'A row after normalisation.' })
export class DatasetRow {
  @Field(() => Int, { description: 'Place in the version, from 0.' }) index: number;
  @Field(() => GraphQLJSONObject, { description: '`prompt` (messages) or `input` (variables); completion, or chosen and rejected; further scalar columns.' }) row: Row;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'One immutable version of a data set.' })
export class DatasetVersion {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => Int) version: number;
  @Field(() => DatasetFormatEnum) format: DatasetFormat;
  @Field(() => Int, { description: 'Number of rows.' }) rows: number;
  @Field(() => Float, { description: 'Share held out by the hash of the prompt, 0–0.5.' }) holdout: number;
  @Field(() => Int, { description: 'Number of rows held out.' }) holdoutRows: number;
  @Field({ description: 'Sealed: measured on; never trained on nor shown.' }) sealed: boolean;
  @Field({ description: 'SHA-256 of the normalised rows.' }) sha256: string;
  @Field({ description: 'Identifier in the licence catalogue.' }) licence: string;
  @Field(() => ID, { nullable: true, description: 'The uploaded file; null when the service made the rows.' }) fileId: string | null;
  @Field({ description: 'Who made it: `key:<id>` or `job:<name>`.' }) createdBy: string;
  @Field() createdAt: Date;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A named data set.' })
export class Dataset {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => DatasetFormatEnum) format: DatasetFormat;
  @Field(() => Int, { description: 'Number of the newest version.' }) latestVersion: number;
  @Field() createdAt: Date;
}

export const DatasetConnection = connectionOf(Dataset, 'Dataset');
export const DatasetVersionConnection = connectionOf(DatasetVersion, 'DatasetVersion');
export const DatasetRowConnection = connectionOf(DatasetRow, 'DatasetRow');

@InputType()
export class DatasetFilter extends NamedFilter {
  @Field(() => DatasetFormatEnum, { nullable: true }) @IsOptional() @IsIn(Object.values(DatasetFormatEnum)) format?: DatasetFormat | null;
}

@InputType()
export class DatasetVersionFilter extends CreatedFilter {
  @Field(() => Boolean, { nullable: true }) @IsOptional() @IsBoolean() sealed?: boolean | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() licence?: string | null;
}

@ArgsType()
export class DatasetsArgs extends listArgsOf('Dataset', DatasetFilter, ['created_at', 'name']) {}
@ArgsType()
export class DatasetVersionsArgs extends listArgsOf('DatasetVersion', DatasetVersionFilter, ['version', 'rows']) {}

@InputType()
export class CreateDatasetVersionInput {
  @Field({ description: 'May hold slashes as folders.' }) @IsString() name: string;
  @Field(() => ID, { description: 'A file uploaded to POST /v1/files.' }) @IsString() fileId: string;
  @Field(() => DatasetFormatEnum) @IsIn(Object.values(DatasetFormatEnum)) format: DatasetFormat;
  @Field({ description: 'Identifier in the licence catalogue (query `licences`); `own` for data of your own.' }) @IsString() licence: string;
  @Field(() => Float, { defaultValue: 0, description: 'Share of prompts to hold out, 0–0.5; a prompt stays on its side in later versions.' })
  @IsNumber() @Min(0) @Max(0.5) holdout: number;
  @Field({ defaultValue: false, description: 'To be measured on, and neither trained on nor shown.' }) @IsBoolean() sealed: boolean;
  @Field(() => [String], { defaultValue: [], description: 'What the rows came from: `models:/x@champion` (its outputs), `datasets:/x/1`, or ids of versions, jobs and evaluation runs.' })
  @IsArray() @ArrayMaxSize(100) @IsString({ each: true }) derivedFrom: string[];
}

/** Query of GET /v1/files. */
export class ListFilesQuery {
  @ApiPropertyOptional({ description: '`last_id` of the page before', pattern: FILE_ID.source })
  @IsOptional() @Matches(FILE_ID, { message: 'after must be the id of a file: the last_id of an earlier page' }) after?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 10_000, default: 10_000 })
  @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(10_000) limit: number = 10_000;

  @ApiPropertyOptional({ enum: ['asc', 'desc'], default: 'desc', description: 'By time of upload' })
  @IsOptional() @IsIn(['asc', 'desc']) order: 'asc' | 'desc' = 'desc';

  @ApiPropertyOptional({ description: 'Only files of this purpose' })
  @IsOptional() @IsString() purpose?: string;
}

/** OpenAI's file object. */
export const fileObject = (file: FileEntity) => ({
  id: file.id,
  object: 'file' as const,
  bytes: file.bytes,
  created_at: Math.floor(file.createdAt.getTime() / 1000),
  filename: file.filename,
  purpose: file.purpose,
  status: 'processed' as const,
});
