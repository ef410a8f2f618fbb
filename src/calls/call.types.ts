import { ArgsType, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsBoolean, IsDate, IsIn, IsInt, IsNumber, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { connectionOf, listArgsOf } from '../common/pagination.js';
import type { CallFilter } from './call-filter.js';
import { CALL_LOGGING, type CallLogging, OPERATIONS, type Operation } from './call-record.js';

export const CallLoggingEnum = { off: 'off', metadata: 'metadata', full: 'full' } as const satisfies { [mode in CallLogging]: mode };
registerEnumType(CallLoggingEnum, {
  name: 'CallLogging', description: 'How much of each call is kept.',
  valuesMap: {
    off: { description: 'Nothing is kept.' },
    metadata: { description: 'What was called by whom, how it went, what it took and cost.' },
    full: { description: 'Also what was asked and answered: needed for search and for data sets.' },
  },
});

export const OperationEnum = Object.fromEntries(OPERATIONS.map((each) => [each, each])) as { [each in Operation]: each };
registerEnumType(OperationEnum, { name: 'CallOperation', description: 'The route that was called; message: Anthropic\'s.' });

@ObjectType({ description: 'One call of a model through the gateway, as it was logged.' })
export class Call {
  @Field(() => ID, { description: 'The answer\'s header x-triad-call-id.' }) id: string;
  @Field({ description: 'When it came in.' }) at: Date;
  @Field(() => CallLoggingEnum, { description: 'How much of it was kept.' }) logged: CallLogging;
  @Field({ description: '`key:<id>` or `user:<who>`.' }) principal: string;
  @Field({ description: 'The answer\'s header x-request-id.' }) requestId: string;
  @Field(() => OperationEnum, { description: 'The route that was called.' }) operation: Operation;
  @Field({ description: 'As the caller named it.' }) model: string;
  @Field(() => String, { nullable: true, description: 'What answered, or was asked last: `<provider>/<model>` or `models:/name/3`; null: nothing was asked.' }) target: string | null;
  @Field(() => ID, { nullable: true, description: 'The deployment that was named; null when a model was named itself.' }) deploymentId: string | null;
  @Field(() => ID, { nullable: true, description: 'The provider that answered, or was asked last; null for a registered model.' }) providerId: string | null;
  @Field(() => ID, { nullable: true, description: 'The registered version that answered, or was asked last; null for a provider\'s model.' }) modelVersionId: string | null;
  @Field(() => ID, { nullable: true, description: 'The registered prompt that it was made with, in the version that was rendered.' }) promptVersionId: string | null;
  @Field(() => Int, { description: 'How many of the request\'s first messages the prompt made.' }) promptMessages: number;
  @Field(() => ID, { nullable: true, description: 'The experiment that chose its arm.' }) experimentId: string | null;
  @Field(() => String, { nullable: true, description: 'Of the experiment.' }) arm: string | null;
  @Field(() => String, { nullable: true, description: 'Whom assignments stick to, as the caller said.' }) stickyKey: string | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'The request\'s `metadata`: texts by name.' }) metadata: Record<string, string> | null;
  @Field(() => Int, { description: 'HTTP status of the answer; 499: the client left first.' }) status: number;
  @Field(() => String, { nullable: true, description: 'Why it failed, for programs; null: it went well.' }) errorCode: string | null;
  @Field({ description: 'The caller asked for a stream.' }) streamed: boolean;
  @Field({ description: 'Answered from the cache of answers.' }) cached: boolean;
  @Field(() => Int, { description: 'How many times a model was asked: 1 without a retry or fallback.' }) attempts: number;
  @Field(() => Float, { description: 'Milliseconds from when it came in to the end of the answer.' }) latencyMs: number;
  @Field(() => Float, { nullable: true, description: 'Until the first event of a stream was passed on.' }) firstTokenMs: number | null;
  @Field(() => Int, { description: 'Tokens of the prompt, as the provider or runtime counted them; an estimate where it did not.' }) promptTokens: number;
  @Field(() => Int, { description: 'Tokens of the answer, likewise.' }) completionTokens: number;
  @Field(() => Float, { description: 'In the currency of the configured prices.' }) cost: number;
  @Field({ description: 'Some of its texts were too long; they end with a mark.' }) cut: boolean;
}

@ObjectType({ description: 'Somebody\'s judgement of a call; never changed.' })
export class CallFeedback {
  @Field(() => ID, { description: 'Identifier, `fb_…`.' }) id: string;
  @Field(() => ID, { description: 'The call that is judged; `call` is null when it is not in the log.' }) callId: string;
  @Field({ description: 'Who judged: `key:<id>` or `user:<who>`.' }) principal: string;
  @Field(() => Float, { nullable: true, description: 'On the caller\'s own scale.' }) score: number | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether the answer is good.' }) thumb: boolean | null;
  @Field(() => String, { nullable: true, description: 'In words.' }) comment: string | null;
  @Field(() => String, { nullable: true, description: 'What should have been answered.' }) correctedAnswer: string | null;
  @Field(() => ID, { nullable: true, description: 'A call to the same prompt whose answer is worse.' }) preferredOverCallId: string | null;
  @Field(() => String, { nullable: true, description: 'A worse answer.' }) preferredOverAnswer: string | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'Texts by name, as they were given.' }) metadata: Record<string, string> | null;
  @Field({ description: 'When it was given.' }) createdAt: Date;
}

@InputType({ description: 'A name and the text that it must have in the request\'s metadata.' })
export class CallMetadataInput {
  @Field({ description: 'Name.' }) @IsString() key: string;
  @Field({ description: 'The whole text.' }) @IsString() value: string;
}

@InputType('CallFilter', { description: 'Which calls; what is left out does not matter.' })
export class CallFilterInput implements CallFilter {
  @Field(() => OperationEnum, { nullable: true, description: 'The route that was called.' }) @IsOptional() @IsIn(OPERATIONS) operation?: Operation | null;
  @Field(() => String, { nullable: true, description: 'As the caller named it.' }) @IsOptional() @IsString() model?: string | null;
  @Field(() => String, { nullable: true, description: 'What answered: `<provider>/<model>` or `models:/name/3`.' }) @IsOptional() @IsString() target?: string | null;
  @Field(() => ID, { nullable: true, description: 'Made to this deployment.' }) @IsOptional() @IsString() deploymentId?: string | null;
  @Field(() => ID, { nullable: true, description: 'Answered by a model of this provider.' }) @IsOptional() @IsString() providerId?: string | null;
  @Field(() => ID, { nullable: true, description: 'Answered by this registered version.' }) @IsOptional() @IsString() modelVersionId?: string | null;
  @Field(() => ID, { nullable: true, description: 'Made with this version of a prompt.' }) @IsOptional() @IsString() promptVersionId?: string | null;
  @Field(() => ID, { nullable: true, description: 'That took part in this experiment.' }) @IsOptional() @IsString() experimentId?: string | null;
  @Field(() => String, { nullable: true, description: 'That got the arm of this name.' }) @IsOptional() @IsString() arm?: string | null;
  @Field(() => Int, { nullable: true, description: 'HTTP status of the answer; 499: the client left first.' }) @IsOptional() @IsInt() status?: number | null;
  @Field(() => Boolean, { nullable: true, description: 'true: those with an error code; false: those without.' }) @IsOptional() @IsBoolean() failed?: boolean | null;
  @Field(() => String, { nullable: true, description: 'Why they failed, as in `errorCode`.' }) @IsOptional() @IsString() errorCode?: string | null;
  @Field(() => String, { nullable: true, description: 'Who called: `key:<id>` or `user:<who>`.' }) @IsOptional() @IsString() principal?: string | null;
  @Field(() => String, { nullable: true, description: 'The answer\'s header x-request-id.' }) @IsOptional() @IsString() requestId?: string | null;
  @Field(() => String, { nullable: true, description: 'Whom assignments stuck to.' }) @IsOptional() @IsString() stickyKey?: string | null;
  @Field(() => [CallMetadataInput], { nullable: true, description: 'All of these.' })
  @IsOptional() @IsArray() @ArrayMaxSize(16) @ValidateNested({ each: true }) @Type(() => CallMetadataInput) metadata?: CallMetadataInput[] | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether the cache of answers gave it.' }) @IsOptional() @IsBoolean() cached?: boolean | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether the caller asked for a stream.' }) @IsOptional() @IsBoolean() streamed?: boolean | null;
  @Field(() => Float, { nullable: true, description: 'That took this many milliseconds or more.' }) @IsOptional() @IsNumber() minLatencyMs?: number | null;
  @Field(() => Float, { nullable: true, description: 'That took this many milliseconds or less.' }) @IsOptional() @IsNumber() maxLatencyMs?: number | null;
  @Field(() => Float, { nullable: true, description: 'That cost this or more, in the currency of the configured prices.' }) @IsOptional() @IsNumber() minCost?: number | null;
  @Field(() => Float, { nullable: true, description: 'That cost this or less.' }) @IsOptional() @IsNumber() maxCost?: number | null;
  @Field(() => Int, { nullable: true, description: 'Of prompt and answer together.' }) @IsOptional() @IsInt() minTokens?: number | null;
  @Field(() => Int, { nullable: true, description: 'Of prompt and answer together.' }) @IsOptional() @IsInt() maxTokens?: number | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether somebody judged it.' }) @IsOptional() @IsBoolean() hasFeedback?: boolean | null;
  @Field(() => Boolean, { nullable: true, description: 'Somebody said that the answer is good, or is not.' }) @IsOptional() @IsBoolean() thumb?: boolean | null;
  @Field(() => Float, { nullable: true, description: 'Somebody gave it this score or more (and, with maxScore, no more than that).' }) @IsOptional() @IsNumber() minScore?: number | null;
  @Field(() => Float, { nullable: true, description: 'Somebody gave it this score or less.' }) @IsOptional() @IsNumber() maxScore?: number | null;
  @Field(() => String, { nullable: true, description: 'Words of request and answer, where they were logged, as in a web search: `refund "next week" or voucher -angry`. Up to 500 characters.' })
  @IsOptional() @IsString() @MaxLength(500) text?: string | null;
  @Field(() => Date, { nullable: true, description: 'Came in then or later.' }) @IsOptional() @IsDate() since?: Date | null;
  @Field(() => Date, { nullable: true, description: 'Came in before then.' }) @IsOptional() @IsDate() until?: Date | null;
}

@InputType('CallFeedbackFilter', { description: 'Which feedback; what is left out does not matter.' })
export class CallFeedbackFilterInput {
  @Field(() => ID, { nullable: true, description: 'On this call.' }) @IsOptional() @IsString() callId?: string | null;
  @Field(() => String, { nullable: true, description: 'Of whom: `key:<id>` or `user:<who>`.' }) @IsOptional() @IsString() principal?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether the answer was said to be good.' }) @IsOptional() @IsBoolean() thumb?: boolean | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether it holds a corrected answer.' }) @IsOptional() @IsBoolean() corrected?: boolean | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether it prefers the answer over another.' }) @IsOptional() @IsBoolean() preferred?: boolean | null;
  @Field(() => Float, { nullable: true, description: 'This score or more.' }) @IsOptional() @IsNumber() minScore?: number | null;
  @Field(() => Float, { nullable: true, description: 'This score or less.' }) @IsOptional() @IsNumber() maxScore?: number | null;
  @Field(() => Date, { nullable: true, description: 'Given after then.' }) @IsOptional() @IsDate() createdAfter?: Date | null;
  @Field(() => Date, { nullable: true, description: 'Given before then.' }) @IsOptional() @IsDate() createdBefore?: Date | null;
}

export const CallConnection = connectionOf(Call, 'Call');
export const CallFeedbackConnection = connectionOf(CallFeedback, 'CallFeedback');

@ArgsType()
export class CallsArgs extends listArgsOf('Call', CallFilterInput, ['created_at', 'latency_ms', 'cost', 'tokens']) {}
@ArgsType()
export class CallFeedbackArgs extends listArgsOf('CallFeedback', CallFeedbackFilterInput, ['created_at']) {}

@InputType({ description: 'A text that is hidden before anything is stored.' })
export class RedactionSettingInput {
  @Field({ description: 'What it hides; without a pattern the name of one that is built in (query callLogging).' }) @IsString() name: string;
  @Field(() => String, { nullable: true, description: 'Regular expression of RE2: linear in time, without look-around and back-references. At most 1000 characters.' }) @IsOptional() @IsString() pattern?: string | null;
  @Field(() => String, { nullable: true, description: 'What stands in its place; by default `[name]`.' }) @IsOptional() @IsString() replacement?: string | null;
}

@ArgsType()
export class SetCallLoggingArgs {
  @Field(() => CallLoggingEnum, { description: 'How much of each call is kept.' }) @IsIn(CALL_LOGGING) mode: CallLogging;
  @Field(() => Int, { nullable: true, description: 'Days that calls and feedback are kept, 1–3650; null: as the server says.' }) @IsOptional() @IsInt() retentionDays?: number | null;
  @Field(() => [RedactionSettingInput], { defaultValue: [], description: 'All of them: they take the place of those before. Applied in this order.' })
  @IsArray() @ValidateNested({ each: true }) @Type(() => RedactionSettingInput) redactions: RedactionSettingInput[];
}

@ObjectType({ description: 'A text that is hidden before anything is stored.' })
export class RedactionSetting {
  @Field({ description: 'What it hides.' }) name: string;
  @Field(() => String, { nullable: true, description: 'Null: built in.' }) pattern: string | null;
  @Field({ description: 'What stands in its place.' }) replacement: string;
}

@ObjectType({ description: 'A redaction that needs only be named.' })
export class BuiltInRedaction {
  @Field({ description: 'As setCallLogging takes it.' }) name: string;
  @Field({ description: 'What it hides.' }) description: string;
}

@ObjectType({ description: 'How the project logs its calls.' })
export class CallLoggingSettings {
  @Field(() => CallLoggingEnum, { description: 'How much of each call is kept.' }) mode: CallLogging;
  @Field(() => Int, { description: 'Days that calls and feedback are kept.' }) retentionDays: number;
  @Field(() => [RedactionSetting], { description: 'Applied to request, answer, variables, metadata, sticky key and feedback before they are stored.' }) redactions: RedactionSetting[];
  @Field(() => [BuiltInRedaction], { description: 'Redactions that setCallLogging takes by their name alone.' }) builtIn: BuiltInRedaction[];
}

@ArgsType()
export class AddCallFeedbackArgs {
  @Field(() => ID, { nullable: true, description: 'Header x-triad-call-id of the answer. Taken even before the call is in the log; removed if that does not come within an hour.' }) @IsOptional() @IsString() callId?: string | null;
  @Field(() => String, { nullable: true, description: 'Without callId: header x-request-id of a call that is in the log; conflict when several have it.' }) @IsOptional() @IsString() @MaxLength(200) requestId?: string | null;
  @Field(() => Float, { nullable: true, description: 'On a scale of your own.' }) @IsOptional() @IsNumber() score?: number | null;
  @Field(() => Boolean, { nullable: true, description: 'Whether the answer is good.' }) @IsOptional() @IsBoolean() thumb?: boolean | null;
  @Field(() => String, { nullable: true, description: 'In words.' }) @IsOptional() @IsString() comment?: string | null;
  @Field(() => String, { nullable: true, description: 'What should have been answered.' }) @IsOptional() @IsString() correctedAnswer?: string | null;
  @Field(() => ID, { nullable: true, description: 'A call to the same prompt whose answer is worse.' }) @IsOptional() @IsString() preferredOverCallId?: string | null;
  @Field(() => String, { nullable: true, description: 'A worse answer.' }) @IsOptional() @IsString() preferredOverAnswer?: string | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: 'At most 16 texts by name.' }) @IsOptional() metadata?: Record<string, unknown> | null;
}
