import { ArgsType, Field, ID, InputType, ObjectType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { IsDate, IsOptional, IsString } from 'class-validator';
import { connectionOf, listArgsOf } from '../common/pagination.js';
import type { AuditFilter } from './command.repository.js';

@ObjectType({ description: 'A row that a mutation added, changed or removed. Secrets are left out.' })
export class AuditChange {
  @Field({ description: 'The kind of thing, such as prompt_labels.' }) table: string;
  @Field(() => ID) rowId: string;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'The columns that changed, as they were; null: the row is new.' }) before: Record<string, unknown> | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'The same columns as they became; null: the row was removed.' }) after: Record<string, unknown> | null;
}

@ObjectType({ description: 'Who did what, when: one per mutation, never changed.' })
export class AuditEntry {
  @Field(() => ID) id: string;
  @Field() at: Date;
  @Field({ description: '`key:<id>` or `user:<subject>`.' }) principal: string;
  @Field({ description: 'The role it had.' }) role: string;
  @Field({ description: 'The mutation, or REST method and route.' }) operation: string;
  @Field(() => GraphQLJSONObject, { description: 'What was given; secrets are hidden, long values cut.' }) arguments: object;
  @Field({ description: 'The x-request-id of the answer.' }) requestId: string;
  @Field({ description: '`ok`; `replayed` when it was done before, under the same idempotency key; or the code of the error that undid it.' }) outcome: string;
  @Field(() => [AuditChange], { description: 'The rows it changed, in order.' }) changes: AuditChange[];
}

export const AuditEntryConnection = connectionOf(AuditEntry, 'AuditEntry');

@InputType({ description: 'All that are given must hold.' })
export class AuditFilterInput implements AuditFilter {
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() principal?: string | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() operation?: string | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() outcome?: string | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() requestId?: string | null;
  @Field(() => String, { nullable: true, description: 'Id of a thing that was changed.' }) @IsOptional() @IsString() rowId?: string | null;
  @Field(() => Date, { nullable: true }) @IsOptional() @IsDate() since?: Date | null;
  @Field(() => Date, { nullable: true, description: 'Exclusive.' }) @IsOptional() @IsDate() until?: Date | null;
}

@ArgsType()
export class AuditEntriesArgs extends listArgsOf('AuditEntry', AuditFilterInput, ['at']) {}
