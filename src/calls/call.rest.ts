import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsBoolean, IsDate, IsIn, IsInt, IsNumber, IsObject, IsOptional, IsString, isRFC3339, Matches, Max, MaxLength, Min } from 'class-validator';
import { DomainError } from '../common/errors.js';
import type { FeedbackInput } from './call-feedback.service.js';
import type { CallFilter } from './call-filter.js';
import { OPERATIONS, type Operation } from './call-record.js';
import type { CallFeedbackEntity } from './call.entity.js';
import type { WholeCall } from './call.service.js';

const CALL_ID = 'call_01kaxw8k2ze0wr3r1d1hyqv0aa';

/** Body of POST /v1/feedback. */
export class FeedbackBody {
  @ApiPropertyOptional({ type: String, description: 'Header x-triad-call-id of the answer; taken even before the call is in the log; removed if that does not come within an hour', example: CALL_ID })
  @IsOptional() @IsString() @MaxLength(200) call_id?: string | null;
  @ApiPropertyOptional({ type: String, description: 'Without call_id: header x-request-id of a call that is in the log; conflict when several have it' }) @IsOptional() @IsString() @MaxLength(200) request_id?: string | null;
  @ApiPropertyOptional({ type: Number, description: 'On a scale of your own', example: 0.9 }) @IsOptional() @IsNumber() score?: number | null;
  @ApiPropertyOptional({ type: Boolean, description: 'Whether the answer is good', example: true }) @IsOptional() @IsBoolean() thumb?: boolean | null;
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() comment?: string | null;
  @ApiPropertyOptional({ type: String, description: 'What should have been answered' }) @IsOptional() @IsString() corrected_answer?: string | null;
  @ApiPropertyOptional({ type: String, description: 'A call to the same prompt whose answer is worse' }) @IsOptional() @IsString() @MaxLength(200) preferred_over_call_id?: string | null;
  @ApiPropertyOptional({ type: String, description: 'A worse answer' }) @IsOptional() @IsString() preferred_over_answer?: string | null;
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' }, description: 'At most 16 texts by name' }) @IsOptional() @IsObject() metadata?: Record<string, unknown> | null;
}

export const feedbackOf = (body: FeedbackBody): FeedbackInput => ({
  callId: body.call_id, requestId: body.request_id, score: body.score, thumb: body.thumb, comment: body.comment, correctedAnswer: body.corrected_answer,
  preferredOverCallId: body.preferred_over_call_id, preferredOverAnswer: body.preferred_over_answer, metadata: body.metadata,
});

/** Fields of the body that have another name in FeedbackInput. */
const FIELDS: Record<string, string> = {
  callId: 'call_id', requestId: 'request_id', correctedAnswer: 'corrected_answer', preferredOverCallId: 'preferred_over_call_id', preferredOverAnswer: 'preferred_over_answer',
};
const FIELD = new RegExp(`\\b(?:${Object.keys(FIELDS).join('|')})\\b`, 'g');

/** The same error, naming fields as the caller of REST wrote them. */
export function throwInRestWords(error: unknown): never {
  if (!(error instanceof DomainError)) throw error;
  const named = (text: string) => text.replace(FIELD, (field) => FIELDS[field]!);
  throw new DomainError(error.code, named(error.message), error.param === null ? null : named(error.param), error.openaiCode);
}

export const feedbackObject = (feedback: CallFeedbackEntity) => ({
  id: feedback.id, object: 'call.feedback' as const, call_id: feedback.callId, created_at: Math.floor(feedback.createdAt.getTime() / 1000), principal: feedback.principal,
  score: feedback.score, thumb: feedback.thumb, comment: feedback.comment, corrected_answer: feedback.correctedAnswer,
  preferred_over_call_id: feedback.preferredOverCallId, preferred_over_answer: feedback.preferredOverAnswer, metadata: feedback.metadata,
});

const nullable = (type: string) => ({ type: [type, 'null'] });

export const FEEDBACK_SCHEMA: object = {
  type: 'object', required: ['id', 'object', 'call_id', 'created_at', 'principal', 'score', 'thumb', 'comment', 'corrected_answer', 'preferred_over_call_id', 'preferred_over_answer', 'metadata'],
  properties: {
    id: { type: 'string' }, object: { const: 'call.feedback' }, call_id: { type: 'string' }, created_at: { type: 'integer', description: 'Seconds since 1970' }, principal: { type: 'string' },
    score: nullable('number'), thumb: nullable('boolean'), comment: nullable('string'), corrected_answer: nullable('string'),
    preferred_over_call_id: nullable('string'), preferred_over_answer: nullable('string'), metadata: nullable('object'),
  },
};

const NUMBER = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i;
const flag = () => Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value));
const number = () => Transform(({ value }: { value: unknown }) => (typeof value === 'string' && NUMBER.test(value) ? Number(value) : value));
const time = () => Transform(({ value }: { value: unknown }) => (isRFC3339(value) ? new Date(value as string) : value));
const AT = { message: '$property must be a time such as 2026-01-31T12:00:00Z' };
const list = () => Transform(({ value }: { value: unknown }) => [value].flat());

/** Query of GET /v1/calls/export: the filter of the GraphQL query `calls`. */
export class ExportQuery {
  @ApiPropertyOptional({ enum: OPERATIONS }) @IsOptional() @IsIn(OPERATIONS) operation?: Operation;
  @ApiPropertyOptional({ description: 'As the caller named it' }) @IsOptional() @IsString() model?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() target?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() deployment_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() provider_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() model_version_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() prompt_version_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() experiment_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() arm?: string;
  @ApiPropertyOptional({ type: 'integer', minimum: 100, maximum: 599 }) @IsOptional() @number() @IsInt() @Min(100) @Max(599) status?: number;
  @ApiPropertyOptional({ type: Boolean }) @IsOptional() @flag() @IsBoolean() failed?: boolean;
  @ApiPropertyOptional() @IsOptional() @IsString() error_code?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() principal?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() request_id?: string;
  @ApiPropertyOptional() @IsOptional() @IsString() sticky_key?: string;
  @ApiPropertyOptional({ type: [String], description: '`key=value` of the request\'s metadata; may be repeated' })
  @IsOptional() @list() @ArrayMaxSize(16) @Matches(/^[^=]+=/, { each: true, message: 'metadata must be key=value' }) metadata?: string[];
  @ApiPropertyOptional({ type: Boolean }) @IsOptional() @flag() @IsBoolean() cached?: boolean;
  @ApiPropertyOptional({ type: Boolean }) @IsOptional() @flag() @IsBoolean() streamed?: boolean;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() min_latency_ms?: number;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() max_latency_ms?: number;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() min_cost?: number;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() max_cost?: number;
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 2 ** 31 - 1 }) @IsOptional() @number() @IsInt() @Min(0) @Max(2 ** 31 - 1) min_tokens?: number;
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 2 ** 31 - 1 }) @IsOptional() @number() @IsInt() @Min(0) @Max(2 ** 31 - 1) max_tokens?: number;
  @ApiPropertyOptional({ type: Boolean }) @IsOptional() @flag() @IsBoolean() has_feedback?: boolean;
  @ApiPropertyOptional({ type: Boolean }) @IsOptional() @flag() @IsBoolean() thumb?: boolean;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() min_score?: number;
  @ApiPropertyOptional({ type: Number }) @IsOptional() @number() @IsNumber() max_score?: number;
  @ApiPropertyOptional({ description: 'Words of request and answer, as in a web search' }) @IsOptional() @IsString() @MaxLength(500) text?: string;
  @ApiPropertyOptional({ type: String, format: 'date-time' }) @IsOptional() @time() @IsDate(AT) since?: Date;
  @ApiPropertyOptional({ type: String, format: 'date-time' }) @IsOptional() @time() @IsDate(AT) until?: Date;
}

export function filterOf(query: ExportQuery): CallFilter {
  const { metadata, ...rest } = query;
  const camel = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), value]));
  return { ...camel, metadata: metadata?.map((pair) => ({ key: pair.slice(0, pair.indexOf('=')), value: pair.slice(pair.indexOf('=') + 1) })) };
}

/** A line of the export. */
export const callObject = (call: WholeCall) => ({
  id: call.id, object: 'call' as const, at: call.at.toISOString(), logged: call.logged, principal: call.principal, request_id: call.requestId, operation: call.operation,
  model: call.model, target: call.target, deployment_id: call.deploymentId, provider_id: call.providerId, model_version_id: call.modelVersionId,
  prompt_version_id: call.promptVersionId, prompt_messages: call.promptMessages, variables: call.variables, experiment_id: call.experimentId, arm: call.arm, sticky_key: call.stickyKey,
  metadata: call.metadata, status: call.status, error_code: call.errorCode, streamed: call.streamed, cached: call.cached, attempts: call.attempts, latency_ms: call.latencyMs,
  first_token_ms: call.firstTokenMs, prompt_tokens: call.promptTokens, completion_tokens: call.completionTokens, cost: call.cost, cut: call.cut,
  request: call.request, answer: call.answer, feedback: call.feedback.map(feedbackObject),
});
