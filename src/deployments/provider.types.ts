import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsNumber, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';
import { PROVIDER_KINDS, type ProviderKind } from './deployment.entity.js';

const MOST = 1_000_000;

export const ProviderKindEnum = { openai: 'openai', anthropic: 'anthropic', stable_diffusion_webui: 'stable_diffusion_webui' } as const satisfies { [Name in ProviderKind]: Name };
registerEnumType(ProviderKindEnum, {
  name: 'ProviderKind',
  description: 'What it speaks. openai: OpenAI and what is compatible with it (Gemini\'s compatible endpoint, vLLM, Ollama, TGI, llama.cpp, image servers); anthropic: the Messages API; stable_diffusion_webui: AUTOMATIC1111\'s and its forks\'.',
});

@ObjectType({ description: 'What a model costs per million tokens.' })
export class ModelPrice {
  @Field({ description: 'A model\'s name, the beginning of names followed by `*`, or `*` for all others.' }) model: string;
  @Field(() => Float, { description: 'Per million tokens of the prompt, in the currency of all prices here.' }) input: number;
  @Field(() => Float, { description: 'Per million tokens of the answer.' }) output: number;
  @Field(() => Float, { nullable: true, description: 'Of prompt tokens that the provider read from its cache; null: as input.' }) cachedInput: number | null;
  @Field(() => Float, { nullable: true, description: 'Of prompt tokens that it wrote into its cache; null: as input.' }) cacheWrite: number | null;
  @Field(() => Float, { nullable: true, description: 'Per image, beside tokens.' }) image: number | null;
}

@ObjectType({ description: 'A header that is sent with each request. It is shown, so it is no secret.' })
export class ProviderHeader {
  @Field({ description: 'In any case.' }) name: string;
  @Field({ description: 'As it is sent.' }) value: string;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'An endpoint outside; its models are called `<provider>/<model>`.' })
export class Provider {
  @Field(() => ID, { description: 'Identifier, `prov_…`.' }) id: string;
  @Field({ description: 'First part of its models\' names.' }) name: string;
  @Field(() => ProviderKindEnum, { description: 'What it speaks.' }) kind: ProviderKind;
  @Field({ description: 'The part before /chat/completions, /messages or /sdapi.' }) baseUrl: string;
  @Field({ description: 'Whether a key is stored for it. Keys are never shown.' }) hasKey: boolean;
  @Field(() => [ProviderHeader], { description: 'Sent with each request.' }) headers: ProviderHeader[];
  @Field(() => [ModelPrice], { description: 'For budgets and cost; a model without a price counts as free.' }) prices: ModelPrice[];
  @Field({ description: 'When it was made.' }) createdAt: Date;
}

@ObjectType({ description: 'What came of one tiny call of a provider.' })
export class ProviderTest {
  @Field({ description: 'It is there, takes the key and speaks what its kind says.' }) ok: boolean;
  @Field(() => Int, { nullable: true, description: 'HTTP status; null when no answer came.' }) status: number | null;
  @Field(() => Int, { description: 'Milliseconds until its answer, or until it failed.' }) latencyMs: number;
  @Field(() => [String], { description: 'What it says that it offers; 100 at most.' }) models: string[];
  @Field(() => String, { nullable: true, description: 'What is wrong, and how to mend it.' }) message: string | null;
}

export const ProviderConnection = connectionOf(Provider, 'Provider');

@InputType({ description: 'Per million tokens, in the currency of all prices here.' })
export class ModelPriceInput {
  @Field({ description: 'A model\'s name, the beginning of names followed by `*`, or `*` for all others.' }) @IsString() model: string;
  @Field(() => Float, { description: 'Per million tokens of the prompt.' }) @IsNumber() @Min(0) @Max(MOST) input: number;
  @Field(() => Float, { defaultValue: 0, description: 'Leave it out for embeddings, which have none.' }) @IsNumber() @Min(0) @Max(MOST) output: number;
  @Field(() => Float, { nullable: true, description: 'Of prompt tokens that the provider read from its cache; by default as input.' }) @IsOptional() @IsNumber() @Min(0) @Max(MOST) cachedInput?: number | null;
  @Field(() => Float, { nullable: true, description: 'Of prompt tokens that it wrote into its cache; by default as input.' }) @IsOptional() @IsNumber() @Min(0) @Max(MOST) cacheWrite?: number | null;
  @Field(() => Float, { nullable: true, description: 'Per image, beside tokens.' }) @IsOptional() @IsNumber() @Min(0) @Max(MOST) image?: number | null;
}

@InputType({ description: 'Not a secret: it is shown.' })
export class ProviderHeaderInput {
  @Field({ description: 'In any case; not one that Triad sets itself.' }) @IsString() name: string;
  @Field({ description: 'As it is to be sent.' }) @IsString() value: string;
}

@InputType({ description: 'Which providers; what is left out does not matter.' })
export class ProviderFilter extends NamedFilter {}

@ArgsType()
export class ProvidersArgs extends listArgsOf('Provider', ProviderFilter, ['created_at', 'name']) {}

@InputType({ description: 'An endpoint outside that answers for models.' })
export class CreateProviderInput {
  @Field({ description: 'Without slashes.' }) @IsString() name: string;
  @Field(() => ProviderKindEnum, { defaultValue: 'openai', description: 'What it speaks.' }) @IsIn(PROVIDER_KINDS) kind: ProviderKind;
  @Field({ description: 'Such as `https://host/v1`: the part before /chat/completions, /messages or /sdapi.' }) @IsString() baseUrl: string;
  @Field(() => String, { nullable: true, description: 'Sent as the kind wants it: bearer token, x-api-key, or `user:password` of a web UI; stored encrypted.' }) @IsOptional() @IsString() apiKey?: string | null;
  @Field(() => [ProviderHeaderInput], { defaultValue: [], description: 'Sent with each request, such as OpenAI-Organization or anthropic-beta.' }) @IsArray() @ValidateNested({ each: true }) @Type(() => ProviderHeaderInput) headers: ProviderHeaderInput[];
  @Field(() => [ModelPriceInput], { defaultValue: [], description: 'At most 500. A model without a price counts as free.' }) @IsArray() @ArrayMaxSize(500) @ValidateNested({ each: true }) @Type(() => ModelPriceInput) prices: ModelPriceInput[];
}

@InputType({ description: 'What is left out, or null, stays.' })
export class UpdateProviderInput {
  @Field(() => String, { nullable: true, description: 'Of another origin: with the key for it, when one is stored.' }) @IsOptional() @IsString() baseUrl?: string | null;
  @Field(() => String, { nullable: true, description: 'A new key, in place of the one that is stored.' }) @IsOptional() @IsString() apiKey?: string | null;
  @Field(() => [ProviderHeaderInput], { nullable: true, description: 'All of them.' }) @IsOptional() @IsArray() @ValidateNested({ each: true }) @Type(() => ProviderHeaderInput) headers?: ProviderHeaderInput[] | null;
  @Field(() => [ModelPriceInput], { nullable: true, description: 'All of them.' }) @IsOptional() @IsArray() @ArrayMaxSize(500) @ValidateNested({ each: true }) @Type(() => ModelPriceInput) prices?: ModelPriceInput[] | null;
}
