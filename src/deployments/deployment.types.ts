import { Field, ID, InputType, ObjectType } from '@nestjs/graphql';
import { IsOptional, IsString } from 'class-validator';
import { connectionOf } from '../common/pagination.js';

@ObjectType({ description: 'An OpenAI-compatible endpoint outside; its models are called `<provider>/<model>`.' })
export class Provider {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field({ description: 'The part before /chat/completions.' }) baseUrl: string;
  @Field({ description: 'Whether a key is stored for it. Keys are never shown.' }) hasKey: boolean;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'A name that apps call, and what answers to it.' })
export class Deployment {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`.' }) target: string;
  @Field() createdAt: Date;
}

export const ProviderConnection = connectionOf(Provider, 'Provider');
export const DeploymentConnection = connectionOf(Deployment, 'Deployment');

@InputType()
export class CreateProviderInput {
  @Field({ description: 'Without slashes.' }) @IsString() name: string;
  @Field({ description: 'Such as `https://host/v1`.' }) @IsString() baseUrl: string;
  @Field(() => String, { nullable: true, description: 'Sent as bearer token; stored encrypted.' }) @IsOptional() @IsString() apiKey?: string | null;
}

@InputType()
export class CreateDeploymentInput {
  @Field() @IsString() name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`.' }) @IsString() target: string;
}
