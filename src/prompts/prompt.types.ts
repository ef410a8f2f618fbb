import { ArgsType, Directive, Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { ArrayNotEmpty, IsArray, IsBoolean, IsIn, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf, NamedFilter } from '../common/pagination.js';
import type { ChatRole, ChatTemplate, PromptType } from './prompt.entity.js';

export const PromptTypeEnum = { text: 'text', chat: 'chat', image: 'image' } as const;
registerEnumType(PromptTypeEnum, { name: 'PromptType', description: 'text: one user message, which other prompts may include; chat: a list of messages; image: one message, the prompt of an image request.' });
export const ChatRoleEnum = { system: 'system', user: 'user', assistant: 'assistant' } as const;
registerEnumType(ChatRoleEnum, { name: 'ChatRole', description: 'Who says a message, by OpenAI\'s names.' });

@ObjectType({ description: 'A message; in a prompt its content is a template in Liquid: `{{ name }}`, `{% if x %}`, `{% for x in list %}`, `{% render "name@label" %}`.' })
export class ChatMessage {
  @Field(() => ChatRoleEnum, { description: 'Who says it.' }) role: ChatRole;
  @Field({ description: 'What is said.' }) content: string;
}

@InputType({ description: 'A message; in a prompt its content is a template.' })
export class ChatMessageInput implements ChatTemplate {
  @Field(() => ChatRoleEnum, { description: 'Who says it.' }) @IsIn(Object.values(ChatRoleEnum)) role: ChatRole;
  @Field({ description: 'What is said: a template, in a prompt.' }) @IsString() content: string;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'One immutable version of a prompt.' })
export class PromptVersion {
  @Field(() => ID, { description: 'Identifier, `prmv_…`.' }) id: string;
  @Field({ description: 'Of the prompt, with its folders.' }) name: string;
  @Field(() => Int, { description: 'Number among the versions of the prompt, from 1.' }) version: number;
  @Field(() => PromptTypeEnum, { description: 'Of the prompt.' }) type: PromptType;
  @Field(() => [ChatMessage], { description: 'The templates.' }) messages: ChatMessage[];
  @Field(() => [String], { description: 'Variables that the templates read, sorted.' }) variables: string[];
  @Field(() => GraphQLJSONObject, { description: 'JSON Schema of the variables: inferred from the templates, or the tighter one that was given. Included prompts have their own.' }) inputSchema: Record<string, unknown>;
  @Field(() => GraphQLJSONObject, { description: 'Model settings kept with the version.' }) config: Record<string, unknown>;
  @Field(() => [String], { description: 'Of this version; they never change.' }) tags: string[];
  @Field(() => String, { nullable: true, description: 'Why it was made, in its author\'s words.' }) commitMessage: string | null;
  @Field({ description: 'Who made it: `key:<id>`.' }) createdBy: string;
  @Field({ description: 'When it was made.' }) createdAt: Date;
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
  @Field(() => ID, { description: 'Identifier, `prm_…`.' }) id: string;
  @Field({ description: 'May hold slashes as folders.' }) name: string;
  @Field(() => PromptTypeEnum, { description: 'Of all its versions.' }) type: PromptType;
  @Field(() => Int, { description: 'Number of the newest version.' }) latestVersion: number;
  @Field(() => String, { nullable: true, description: 'For people.' }) description: string | null;
  @Field(() => [String], { description: 'Tags of the prompt, which may change; a version has its own.' }) tags: string[];
  @Field(() => Date, { nullable: true, description: 'Since when it is archived: not listed, and nothing about it changes; who fetches it still gets it.' }) archivedAt: Date | null;
  @Field({ description: 'When its first version was made.' }) createdAt: Date;
}

export const PromptConnection = connectionOf(Prompt, 'Prompt');
export const PromptVersionConnection = connectionOf(PromptVersion, 'PromptVersion');

@InputType({ description: 'Which prompts; what is left out does not matter.' })
export class PromptFilter extends NamedFilter {
  @Field(() => PromptTypeEnum, { nullable: true, description: 'Of this type.' }) @IsOptional() @IsIn(Object.values(PromptTypeEnum)) type?: PromptType | null;
  @Field(() => String, { nullable: true, description: 'Prompts in this folder, at any depth.' }) @IsOptional() @IsString() @MaxLength(200) folder?: string | null;
  @Field(() => String, { nullable: true, description: "One of the prompt's own tags." }) @IsOptional() @IsString() tag?: string | null;
  @Field(() => String, { nullable: true, description: 'Prompts that carry this label.' }) @IsOptional() @IsString() label?: string | null;
  @Field(() => String, { nullable: true, description: 'Words, or their beginnings, that all occur in the name, description and tags of the prompt, or in the name, tags, commit message and text of one of its versions.' })
  @IsOptional() @IsString() @MaxLength(500) search?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'true: only archived ones; otherwise only those that are not.' }) @IsOptional() @IsBoolean() archived?: boolean | null;
}

@InputType({ description: 'Which versions; what is left out does not matter.' })
export class PromptVersionFilter extends CreatedFilter {
  @Field(() => String, { nullable: true, description: 'One of the version\'s tags.' }) @IsOptional() @IsString() tag?: string | null;
  @Field(() => String, { nullable: true, description: 'As in `createdBy`.' }) @IsOptional() @IsString() createdBy?: string | null;
}

@ArgsType()
export class PromptsArgs extends listArgsOf('Prompt', PromptFilter, ['created_at', 'name']) {}
@ArgsType()
export class PromptVersionsArgs extends listArgsOf('PromptVersion', PromptVersionFilter, ['version']) {}

@InputType({ description: 'A new version of a prompt, or a new prompt.' })
export class CreatePromptVersionInput {
  @Field({ description: 'May hold slashes as folders.' }) @IsString() name: string;
  @Field(() => PromptTypeEnum, { defaultValue: 'chat', description: 'That of the prompt, when there is one already.' }) @IsIn(Object.values(PromptTypeEnum)) type: PromptType;
  @Field(() => [ChatMessageInput], { description: 'A prompt of type text or image has one message of role user.' }) @IsArray() @ArrayNotEmpty() messages: ChatMessageInput[];
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'JSON Schema of the variables, tighter than the one inferred from the templates: it describes each that they read, and requires those that they always read.' }) @IsOptional() @IsObject() inputSchema?: Record<string, unknown> | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'Model settings by OpenAI\'s names, such as `model` and `temperature`, which calls with the prompt take for what they do not say themselves.' }) @IsOptional() @IsObject() config?: Record<string, unknown> | null;
  @Field(() => [String], { nullable: true, description: 'Labels to move to the new version.' }) @IsOptional() @IsArray() labels?: string[] | null;
  @Field(() => [String], { nullable: true, description: 'Of this version, for good.' }) @IsOptional() @IsArray() tags?: string[] | null;
  @Field(() => String, { nullable: true, description: 'Why it is made, for people.' }) @IsOptional() @IsString() commitMessage?: string | null;
}
