import { ArgsType, Field, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { IsArray, IsBoolean, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { connectionOf } from '../../common/pagination.js';
import { PromptsArgs } from '../prompt.types.js';
import type { PromptFile as File } from './imported.js';
import type { ImportOutcome } from './prompt-import.service.js';

@ObjectType({ description: 'A prompt as a file.' })
export class PromptFile implements File {
  @Field({ description: 'Such as `house/call.md`, with `/` on every system.' }) path: string;
  @Field({ description: 'The whole text of the file.' }) content: string;
}

export const PromptFileConnection = connectionOf(PromptFile, 'PromptFile');

@ArgsType()
export class ExportPromptsArgs extends PromptsArgs {
  @Field({ defaultValue: 'latest', description: 'Each prompt in the version that carries this label; those without are left out.' }) @IsString() label: string = 'latest';
}

@InputType({ description: 'A file that holds prompts.' })
export class PromptFileInput implements File {
  @Field({ description: 'Ends in `.md` or `.yaml`; in `.json` or `.jsonl` for an export of Langfuse.' }) @IsString() @MaxLength(300) path: string;
  @Field({ description: 'The whole text of the file.' }) @IsString() content: string;
}

@InputType({ description: 'Files to make prompts of.' })
export class ImportPromptsInput {
  @Field(() => [PromptFileInput], { description: 'In any order; all of them are taken, or none.' }) @IsArray() @ValidateNested({ each: true }) @Type(() => PromptFileInput) files: PromptFileInput[];
  @Field({ defaultValue: false, description: 'Only tells what would be done, or what would be wrong.' }) @IsBoolean() dryRun: boolean = false;
  @Field(() => String, { nullable: true, description: 'Of all new versions, in place of those that the files hold.' }) @IsOptional() @IsString() commitMessage?: string | null;
}

const OutcomeEnum = { created: 'created', changed: 'changed', unchanged: 'unchanged' } as const satisfies Record<ImportOutcome['outcome'], string>;
registerEnumType(OutcomeEnum, { name: 'ImportOutcome', description: 'created: it has new versions. changed: only labels, tags or the description. unchanged: it is as the file says.' });

@ObjectType({ description: 'What an import did with a prompt.' })
export class ImportedPrompt implements ImportOutcome {
  @Field({ description: 'The file that it came from.' }) path: string;
  @Field({ description: "The prompt's name here." }) name: string;
  @Field(() => OutcomeEnum, { description: 'What was done.' }) outcome: ImportOutcome['outcome'];
  @Field(() => Int, { description: "The version that is the file's, or its newest." }) version: number;
  @Field(() => Int, { description: 'How many versions were added.' }) createdVersions: number;
  @Field(() => [String], { description: 'Labels that were moved or set.' }) movedLabels: string[];
}
