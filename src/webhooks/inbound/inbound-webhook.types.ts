import { ArgsType, Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf } from '../../common/pagination.js';
import { INBOUND_PROVIDERS, type InboundProvider } from './inbound-webhook.entity.js';

export const InboundProviderEnum = { openai: 'openai', standard: 'standard' } as const satisfies { [Name in InboundProvider]: Name };
registerEnumType(InboundProviderEnum, { name: 'InboundProvider', description: 'openai, or standard: any sender that signs as Standard Webhooks 1.0.0 says.' });

@ObjectType({ description: 'A URL where a provider\'s webhooks come in and become events `inbound.<provider>`.' })
export class InboundWebhook {
  @Field(() => ID) id: string;
  @Field(() => InboundProviderEnum) provider: InboundProvider;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => Date, { nullable: true, description: 'Until when what the secret before the last change signed is taken too.' }) previousSecretUntil: Date | null;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'An inbound webhook whose secret was just set.' })
export class InboundWebhookWithSecret {
  @Field(() => InboundWebhook) inboundWebhook: InboundWebhook;
  @Field(() => String, { nullable: true, description: '`whsec_…`, made for it and not shown again; null when you gave one.' }) secret: string | null;
}

export const InboundWebhookConnection = connectionOf(InboundWebhook, 'InboundWebhook');

@InputType()
export class InboundWebhookFilter extends CreatedFilter {
  @Field(() => InboundProviderEnum, { nullable: true }) @IsOptional() @IsIn(INBOUND_PROVIDERS) provider?: InboundProvider | null;
}

@ArgsType()
export class InboundWebhooksArgs extends listArgsOf('InboundWebhook', InboundWebhookFilter, ['created_at']) {}

@ArgsType()
export class CreateInboundWebhookArgs {
  @Field(() => InboundProviderEnum) @IsIn(INBOUND_PROVIDERS) provider: InboundProvider;
  @Field(() => String, { nullable: true, description: 'The sender\'s `whsec_…`. Left out: one is made, and can be changed by rotateInboundWebhookSecret.' }) @IsOptional() @IsString() @MaxLength(500) secret?: string | null;
  @Field(() => String, { nullable: true, description: 'Up to 500 characters.' }) @IsOptional() @IsString() @MaxLength(500) description?: string | null;
}

@ArgsType()
export class RotateInboundWebhookSecretArgs {
  @Field(() => ID) @IsString() id: string;
  @Field(() => String, { nullable: true, description: 'The sender\'s `whsec_…`. Left out: one is made.' }) @IsOptional() @IsString() @MaxLength(500) secret?: string | null;
  @Field(() => Int, { defaultValue: 86_400, description: 'For how long what the old secret signed is taken too: 0 to 604800 seconds.' }) @IsInt() @Min(0) @Max(604_800) overlapSeconds: number;
}
