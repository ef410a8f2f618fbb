import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsNumber, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';
import { RoutingPolicy, RoutingPolicyInput } from './routing.types.js';

@ObjectType({ description: 'What a model costs per million tokens.' })
export class ModelPrice {
  @Field({ description: 'A model\'s name, or `*` for those not named.' }) model: string;
  @Field(() => Float) input: number;
  @Field(() => Float) output: number;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'An OpenAI-compatible endpoint outside; its models are called `<provider>/<model>`.' })
export class Provider {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field({ description: 'The part before /chat/completions.' }) baseUrl: string;
  @Field({ description: 'Whether a key is stored for it. Keys are never shown.' }) hasKey: boolean;
  @Field(() => [ModelPrice], { description: 'For budgets and cost; a model without a price counts as free.' }) prices: ModelPrice[];
  @Field() createdAt: Date;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A name that apps call, and what answers to it.' })
export class Deployment {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`: that of the first arm.' }) target: string;
  @Field(() => RoutingPolicy, { description: 'Where its calls go, and what happens when a target fails.' }) routing: RoutingPolicy;
  @Field(() => Int, { description: 'Raised by each change.' }) revision: number;
  @Field() createdAt: Date;
  @Field() updatedAt: Date;
}

export const ProviderConnection = connectionOf(Provider, 'Provider');
export const DeploymentConnection = connectionOf(Deployment, 'Deployment');

@InputType({ description: 'Per million tokens, in the currency of all prices here.' })
export class ModelPriceInput {
  @Field({ description: 'A model\'s name, or `*` for those not named.' }) @IsString() model: string;
  @Field(() => Float) @IsNumber() @Min(0) @Max(1_000_000) input: number;
  @Field(() => Float) @IsNumber() @Min(0) @Max(1_000_000) output: number;
}

@InputType()
export class ProviderFilter extends NamedFilter {}

@InputType()
export class DeploymentFilter extends NamedFilter {
  @Field(() => String, { nullable: true, description: 'Those that have it as an arm or a fallback.' }) @IsOptional() @IsString() target?: string | null;
}

@ArgsType()
export class ProvidersArgs extends listArgsOf('Provider', ProviderFilter, ['created_at', 'name']) {}
@ArgsType()
export class DeploymentsArgs extends listArgsOf('Deployment', DeploymentFilter, ['created_at', 'name']) {}

@InputType()
export class CreateProviderInput {
  @Field({ description: 'Without slashes.' }) @IsString() name: string;
  @Field({ description: 'Such as `https://host/v1`.' }) @IsString() baseUrl: string;
  @Field(() => String, { nullable: true, description: 'Sent as bearer token; stored encrypted.' }) @IsOptional() @IsString() apiKey?: string | null;
  @Field(() => [ModelPriceInput], { defaultValue: [] }) @IsArray() @ArrayMaxSize(500) @ValidateNested({ each: true }) @Type(() => ModelPriceInput) prices: ModelPriceInput[];
}

@InputType()
export class CreateDeploymentInput {
  @Field() @IsString() name: string;

  @Field(() => String, { nullable: true, description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`; needed unless `routing` has arms.' })
  @IsOptional() @IsString() target?: string | null;

  @Field(() => RoutingPolicyInput, { nullable: true, description: 'By default all calls go to the target.' })
  @IsOptional() @ValidateNested() @Type(() => RoutingPolicyInput) routing?: RoutingPolicyInput | null;
}
