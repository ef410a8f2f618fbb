import { ArgsType, Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { IsArray, IsBoolean, IsDate, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf } from '../common/pagination.js';
import type { DeliveryStatus } from './webhook.entity.js';

export const DeliveryStatusEnum = { pending: 'pending', delivered: 'delivered', failed: 'failed' } as const;
registerEnumType(DeliveryStatusEnum, {
  name: 'WebhookDeliveryStatus',
  description: 'pending: an attempt is due or under way; delivered: answered 2xx; failed: no attempt is left, or the endpoint was disabled.',
});

@ObjectType({ description: 'A kind of event that an endpoint may subscribe to.' })
export class WebhookEventType {
  @Field({ description: 'As in the payload\'s `type`, such as fine_tuning.job.succeeded.' }) name: string;
  @Field(() => Int, { description: 'Of the payload\'s schema. It is raised when a field goes or changes its meaning, not when one is added.' }) version: number;
  @Field() description: string;
  @Field(() => GraphQLJSONObject, { description: 'JSON Schema (2020-12) of what is posted.' }) schema: object;
}

@ObjectType({ description: 'A URL that events are posted to, signed as Standard Webhooks 1.0.0 says.' })
export class WebhookEndpoint {
  @Field(() => ID) id: string;
  @Field() url: string;
  @Field(() => Int, { description: 'Raised by each edit.' }) revision: number;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => [String], { description: 'Event types it wants; empty: all.' }) eventTypes: string[];
  @Field(() => Date, { nullable: true, description: 'Until when the secret before the last rotation signs too.' }) previousSecretUntil: Date | null;
  @Field(() => Date, { nullable: true, description: 'Null while it is sent events.' }) disabledAt: Date | null;
  @Field(() => String, { nullable: true, description: 'By whom, or for which failures.' }) disabledReason: string | null;
  @Field(() => Date, { nullable: true, description: 'Since when every attempt has failed; after five days it is disabled.' }) failingSince: Date | null;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'An endpoint with a secret that was just made.' })
export class WebhookEndpointWithSecret {
  @Field(() => WebhookEndpoint) endpoint: WebhookEndpoint;
  @Field({ description: '`whsec_…`, to verify signatures with. It is not shown again.' }) secret: string;
}

@ObjectType({ description: 'Something that happened, as it is told to endpoints.' })
export class WebhookEvent {
  @Field(() => ID, { description: 'The `webhook-id` header of every attempt.' }) id: string;
  @Field() type: string;
  @Field(() => Int, { description: 'Of the type\'s schema.' }) version: number;
  @Field(() => GraphQLJSONObject) data: object;
  @Field({ description: 'The payload\'s `timestamp`.' }) createdAt: Date;
}

@ObjectType({ description: 'One POST to an endpoint.' })
export class WebhookAttempt {
  @Field({ description: 'ISO 8601.' }) at: string;
  @Field(() => Int, { nullable: true, description: 'HTTP status; null when there was no answer.' }) status: number | null;
  @Field(() => Int, { description: 'How long it took.' }) milliseconds: number;
  @Field({ description: 'First kilobyte of the answer, or the error.' }) response: string;
}

@ObjectType({ description: 'One event on its way to one endpoint.' })
export class WebhookDelivery {
  @Field(() => ID) id: string;
  @Field(() => ID) endpointId: string;
  @Field(() => WebhookEvent) event: WebhookEvent;
  @Field(() => DeliveryStatusEnum) status: DeliveryStatus;
  @Field(() => [WebhookAttempt], { description: 'Oldest first.' }) attempts: WebhookAttempt[];
  @Field(() => Date, { nullable: true, description: 'Null when no attempt is due.' }) nextAttemptAt: Date | null;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'The events of a time range on their way to one endpoint once more.' })
export class WebhookReplay {
  @Field(() => ID) id: string;
  @Field(() => ID) endpointId: string;
  @Field(() => Int, { description: 'How many events the range held when it was asked for.' }) events: number;
  @Field(() => Int, { description: 'How many have been handed to delivery; webhookDeliveries tells how they fare.' }) replayed: number;
  @Field(() => Date, { nullable: true }) finishedAt: Date | null;
  @Field() createdAt: Date;
}

export const WebhookEndpointConnection = connectionOf(WebhookEndpoint, 'WebhookEndpoint');
export const WebhookDeliveryConnection = connectionOf(WebhookDelivery, 'WebhookDelivery');

@InputType({ description: 'Which deliveries; what is left out does not matter.' })
export class WebhookDeliveryFilter {
  @Field(() => DeliveryStatusEnum, { nullable: true }) @IsOptional() @IsIn(Object.values(DeliveryStatusEnum)) status?: DeliveryStatus | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() eventType?: string | null;
  @Field(() => Date, { nullable: true, description: 'Made then or later.' }) @IsOptional() @IsDate() since?: Date | null;
  @Field(() => Date, { nullable: true, description: 'Made before then.' }) @IsOptional() @IsDate() until?: Date | null;
}

@InputType()
export class WebhookEndpointFilter extends CreatedFilter {
  @Field(() => Boolean, { nullable: true }) @IsOptional() @IsBoolean() disabled?: boolean | null;
}

@ArgsType()
export class WebhookEndpointsArgs extends listArgsOf('WebhookEndpoint', WebhookEndpointFilter, ['created_at', 'url']) {}

@ArgsType()
export class WebhookDeliveriesArgs extends listArgsOf('WebhookDelivery', WebhookDeliveryFilter, ['created_at']) {
  @Field(() => ID) @IsString() endpointId: string;
}

@ArgsType()
export class CreateWebhookEndpointArgs {
  @Field({ description: 'https, and on the public internet unless TRIAD_ALLOW_PRIVATE_URLS is set.' }) @IsString() url: string;
  @Field(() => [String], { defaultValue: [], description: 'Names of webhookEventTypes; empty: all.' }) @IsArray() @IsString({ each: true }) eventTypes: string[];
  @Field(() => String, { nullable: true, description: 'Up to 500 characters.' }) @IsOptional() @IsString() @MaxLength(500) description?: string | null;
}

@ArgsType()
export class UpdateWebhookEndpointArgs {
  @Field(() => ID) @IsString() id: string;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() url?: string | null;
  @Field(() => [String], { nullable: true, description: 'Names of webhookEventTypes; empty: all.' }) @IsOptional() @IsArray() @IsString({ each: true }) eventTypes?: string[] | null;
  @Field(() => String, { nullable: true, description: 'Null takes it away.' }) @IsOptional() @IsString() @MaxLength(500) description?: string | null;
  @Field(() => Int, { nullable: true, description: 'The `revision` that the change is meant for: with it nothing is changed if somebody else did meanwhile.' }) @IsOptional() @IsInt() expectedRevision?: number | null;
}

@ArgsType()
export class RotateWebhookSecretArgs {
  @Field(() => ID) @IsString() id: string;
  @Field(() => Int, { defaultValue: 86_400, description: 'For how long the old secret signs too: 0 to 604800 seconds.' }) @IsInt() @Min(0) @Max(604_800) overlapSeconds: number;
}

@ArgsType()
export class ReplayWebhooksArgs {
  @Field(() => ID) @IsString() endpointId: string;
  @Field(() => Date) @IsDate() from: Date;
  @Field(() => Date, { description: 'The range is without it.' }) @IsDate() to: Date;
  @Field(() => [String], { nullable: true, description: 'Left out: those that the endpoint wants. Empty: all.' }) @IsOptional() @IsArray() @IsString({ each: true }) eventTypes?: string[] | null;
}
