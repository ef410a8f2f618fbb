import { ArgsType, Field, ID, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSONObject } from 'graphql-scalars';
import { IsString } from 'class-validator';
import { connectionOf, PageArgs } from '../common/pagination.js';
import type { DeliveryStatus } from './webhook.entity.js';

export const DeliveryStatusEnum = { pending: 'pending', delivered: 'delivered', failed: 'failed' } as const;
registerEnumType(DeliveryStatusEnum, {
  name: 'WebhookDeliveryStatus',
  description: 'pending: an attempt is due or under way; delivered: answered 2xx; failed: no attempt is left, or the endpoint was disabled.',
});

@ObjectType({ description: 'A kind of event that an endpoint may subscribe to.' })
export class WebhookEventType {
  @Field({ description: 'As in the payload\'s `type`, such as fine_tuning.job.succeeded.' }) name: string;
  @Field() description: string;
}

@ObjectType({ description: 'A URL that events are posted to, signed as Standard Webhooks 1.0.0 says.' })
export class WebhookEndpoint {
  @Field(() => ID) id: string;
  @Field() url: string;
  @Field(() => [String], { description: 'Event types it wants; empty: all.' }) eventTypes: string[];
  @Field(() => Date, { nullable: true, description: 'Null while it is sent events.' }) disabledAt: Date | null;
  @Field(() => String, { nullable: true }) disabledReason: string | null;
  @Field(() => Date, { nullable: true, description: 'Since when every attempt has failed; after five days it is disabled.' }) failingSince: Date | null;
  @Field() createdAt: Date;
}

@ObjectType()
export class CreatedWebhookEndpoint {
  @Field(() => WebhookEndpoint) endpoint: WebhookEndpoint;
  @Field({ description: '`whsec_…`, to verify signatures with. It is not shown again.' }) secret: string;
}

@ObjectType({ description: 'Something that happened, as it is told to endpoints.' })
export class WebhookEvent {
  @Field(() => ID, { description: 'The `webhook-id` header of every attempt.' }) id: string;
  @Field() type: string;
  @Field(() => GraphQLJSONObject) data: object;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'One POST to an endpoint.' })
export class WebhookAttempt {
  @Field({ description: 'ISO 8601.' }) at: string;
  @Field(() => Int, { nullable: true, description: 'HTTP status; null when there was no answer.' }) status: number | null;
  @Field(() => Int) milliseconds: number;
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

export const WebhookEndpointConnection = connectionOf(WebhookEndpoint, 'WebhookEndpoint');
export const WebhookDeliveryConnection = connectionOf(WebhookDelivery, 'WebhookDelivery');

@ArgsType()
export class WebhookDeliveriesArgs extends PageArgs {
  @Field(() => ID) @IsString() endpointId: string;
}
