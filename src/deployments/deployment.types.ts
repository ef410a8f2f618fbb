import { ArgsType, Directive, Field, ID, InputType, ObjectType } from '@nestjs/graphql';
import { IsOptional, IsString } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A name that apps call, and what answers to it.' })
export class Deployment {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`.' }) target: string;
  @Field() createdAt: Date;
}

export const DeploymentConnection = connectionOf(Deployment, 'Deployment');

@InputType()
export class DeploymentFilter extends NamedFilter {
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() target?: string | null;
}

@ArgsType()
export class DeploymentsArgs extends listArgsOf('Deployment', DeploymentFilter, ['created_at', 'name']) {}

@InputType()
export class CreateDeploymentInput {
  @Field() @IsString() name: string;
  @Field({ description: '`models:/name@alias`, `models:/name/3` or `<provider>/<model>`.' }) @IsString() target: string;
}
