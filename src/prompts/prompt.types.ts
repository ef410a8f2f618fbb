import { ArgsType, Directive, Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { ArrayNotEmpty, IsArray, IsBoolean, IsIn, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf, NamedFilter } from '../common/pagination.js';
import type { ChatRole, ChatTemplate, PromptType } from './prompt.entity.js';

export const PromptTypeEnum = { text: 'text', chat: 'chat', image: 'image' } as const;
registerEnumType(PromptTypeEnum, { name: 'PromptType', description: 'text: one user message, which other prompts may include; chat: a list of messages; image: one message, the prompt of an image request.' });
export const ChatRoleEnum = { system: 'system', user: 'user', assistant: 'assistant' } as const;
registerEnumType(ChatRoleEnum, { name: 'ChatRole' });

@ObjectType({ description: 'A message; in a prompt its content is a template in Liquid: `{{ name }}`, `{% if x %}`, `{% for x in list %}`, `{% render "name@label" %}`.' })
export class ChatMessage {
  @Field(() => ChatRoleEnum) role: ChatRole;
  @Field() content: string;
}

@InputType()
export class ChatMessageInput implements ChatTemplate {
  @Field(() => ChatRoleEnum) @IsIn(Object.values(ChatRoleEnum)) role: ChatRole;
  @Field() @IsString() content: string;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'One immutable version of a prompt.' })
export class PromptVersion {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => Int) version: number;
  @Field(() => PromptTypeEnum) type: PromptType;
  @Field(() => [ChatMessage]) messages: ChatMessage[];
  @Field(() => [String], { description: 'Variables that the templates read, sorted.' }) variables: string[];
  @Field(() => GraphQLJSONObject, { description: 'JSON Schema of the variables: inferred from the templates, or the tighter one that was given. Included prompts have their own.' }) inputSchema: Record<string, unknown>;
  @Field(() => GraphQLJSONObject, { description: 'Model settings kept with the version.' }) config: Record<string, unknown>;
  @Field(() => [String]) tags: string[];
  @Field(() => String, { nullable: true }) commitMessage: string | null;
  @Field({ description: 'Who made it: `key:<id>`.' }) createdBy: string;
  @Field() createdAt: Date;
  promptId: string;
}

@ObjectType({ description: 'Another prompt that a template includes.' })
export class PromptInclude {
  @Field({ description: '`name/3` or `name@label`.' }) reference: string;
  @Field(() => PromptVersion, { nullable: true, description: 'What it stands for now; null when it is gone.' }) version: PromptVersion | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A named prompt.' })
export class Prompt {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => PromptTypeEnum) type: PromptType;
  @Field(() => Int, { description: 'Number of the newest version.' }) latestVersion: number;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => [String], { description: 'Tags of the prompt, which may change; a version has its own.' }) tags: string[];
  @Field(() => Date, { nullable: true, description: 'Since when it is archived: not listed, and nothing about it changes; who fetches it still gets it.' }) archivedAt: Date | null;
  @Field() createdAt: Date;
}

export const PromptConnection = connectionOf(Prompt, 'Prompt');
export const PromptVersionConnection = connectionOf(PromptVersion, 'PromptVersion');

@InputType()
export class PromptFilter extends NamedFilter {
  @Field(() => PromptTypeEnum, { nullable: true }) @IsOptional() @IsIn(Object.values(PromptTypeEnum)) type?: PromptType | null;
  @Field(() => String, { nullable: true, description: 'Prompts in this folder, at any depth.' }) @IsOptional() @IsString() @MaxLength(200) folder?: string | null;
  @Field(() => String, { nullable: true, description: "One of the prompt's own tags." }) @IsOptional() @IsString() tag?: string | null;
  @Field(() => String, { nullable: true, description: 'Prompts that carry this label.' }) @IsOptional() @IsString() label?: string | null;
  @Field(() => String, { nullable: true, description: 'Words, or their beginnings, that all occur in the name, description and tags of the prompt, or in the name, tags, commit message and text of one of its versions.' })
  @IsOptional() @IsString() @MaxLength(500) search?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'true: only archived ones; otherwise only those that are not.' }) @IsOptional() @IsBoolean() archived?: boolean | null;
}

@InputType()
export class PromptVersionFilter extends CreatedFilter {
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() tag?: string | null;
  @Field(() => String, { nullable: true, description: 'As in `createdBy`.' }) @IsOptional() @IsString() createdBy?: string | null;
}

@ArgsType()
export class PromptsArgs extends listArgsOf('Prompt', PromptFilter, ['created_at', 'name']) {}
@ArgsType()
export class PromptVersionsArgs extends listArgsOf('PromptVersion', PromptVersionFilter, ['version']) {}

@InputType()
export class CreatePromptVersionInput {
  @Field({ description: 'May hold slashes as folders.' }) @IsString() name: string;
  @Field(() => PromptTypeEnum, { defaultValue: 'chat' }) @IsIn(Object.values(PromptTypeEnum)) type: PromptType;
  @Field(() => [ChatMessageInput], { description: 'A prompt of type text or image has one message of role user.' }) @IsArray() @ArrayNotEmpty() messages: ChatMessageInput[];
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'JSON Schema of the variables, tighter than the one inferred from the templates: it describes each that they read, and requires those that they always read.' }) @IsOptional() @IsObject() inputSchema?: Record<string, unknown> | null;
  @Field(() => GraphQLJSONObject, { nullable: true }) @IsOptional() @IsObject() config?: Record<string, unknown> | null;
  @Field(() => [String], { nullable: true, description: 'Labels to move to the new version.' }) @IsOptional() @IsArray() labels?: string[] | null;
  @Field(() => [String], { nullable: true }) @IsOptional() @IsArray() tags?: string[] | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() commitMessage?: string | null;
}
