import { Field, InputType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsString, ValidateNested } from 'class-validator';
import { ChatMessageInput } from '../prompts/prompt.types.js';

@InputType({ description: 'A prompt and the answer to it, the last message.' })
export class ConversationInput {
  @Field(() => [ChatMessageInput]) @IsArray() @ArrayNotEmpty() @ValidateNested({ each: true }) @Type(() => ChatMessageInput)
  messages: ChatMessageInput[];
}

@InputType()
export class ScoreAnswersInput {
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `models:/name`, of kind reward.' }) @IsString() rewardModel: string;

  @Field(() => [ConversationInput], { description: 'At most 1,000.' })
  @IsArray() @ArrayNotEmpty() @ArrayMaxSize(1000) @ValidateNested({ each: true }) @Type(() => ConversationInput)
  conversations: ConversationInput[];
}
