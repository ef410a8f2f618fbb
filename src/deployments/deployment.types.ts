import { ArgsType, Directive, Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import { Type } from 'class-transformer';
import { IsOptional, IsString, ValidateNested } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';
import { RoutingPolicy, RoutingPolicyInput } from './routing.types.js';

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A name that apps call, and what answers to it.' })
export class Deployment {
  @Field(() => ID, { description: 'Identifier, `dep_…`.' }) id: string;
  @Field({ description: 'What apps give as `model`.' }) name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`: that of the first arm.' }) target: string;
  @Field(() => RoutingPolicy, { description: 'Where its calls go, and what happens when a target fails.' }) routing: RoutingPolicy;
  @Field(() => Int, { description: 'Raised by each change.' }) revision: number;
  @Field({ description: 'When it was made.' }) createdAt: Date;
  @Field({ description: 'When it was changed last.' }) updatedAt: Date;
}

export const DeploymentConnection = connectionOf(Deployment, 'Deployment');

@InputType({ description: 'Which deployments; what is left out does not matter.' })
export class DeploymentFilter extends NamedFilter {
  @Field(() => String, { nullable: true, description: 'Those that have it as an arm or a fallback.' }) @IsOptional() @IsString() target?: string | null;
}

@ArgsType()
export class DeploymentsArgs extends listArgsOf('Deployment', DeploymentFilter, ['created_at', 'name']) {}

@InputType({ description: 'A name for apps to call, and what answers to it.' })
export class CreateDeploymentInput {
  @Field({ description: 'What apps are to give as `model`.' }) @IsString() name: string;

  @Field(() => String, { nullable: true, description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`; needed unless `routing` has arms.' })
  @IsOptional() @IsString() target?: string | null;

  @Field(() => RoutingPolicyInput, { nullable: true, description: 'By default all calls go to the target.' })
  @IsOptional() @ValidateNested() @Type(() => RoutingPolicyInput) routing?: RoutingPolicyInput | null;
}
