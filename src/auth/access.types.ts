import { ArgsType, Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { IsDate, IsIn, IsInt, IsOptional, IsString } from 'class-validator';
import { connectionOf, listArgsOf, NamedFilter } from '../common/pagination.js';
import { type CallerRole, ROLES } from '../common/request-context.js';
import { LimitSettings } from '../limits/limits.types.js';

export const RoleEnum = { viewer: 'viewer', annotator: 'annotator', editor: 'editor', deployer: 'deployer', admin: 'admin' } as const satisfies { [role in CallerRole]: role };
registerEnumType(RoleEnum, {
  name: 'Role',
  description: 'What a caller may do in a project; each role includes those before it.',
  valuesMap: {
    viewer: { description: 'Reads everything but keys, and calls models.' },
    annotator: { description: 'Also judges answers.' },
    editor: { description: 'Also makes prompts, data sets, jobs, models and evaluations.' },
    deployer: { description: 'Also moves aliases and deployments, which applications follow.' },
    admin: { description: 'Also manages keys, providers and webhooks, and reads the audit trail.' },
  },
});

@ObjectType({ description: 'A tenant: everything else belongs to one, and is seen in it only.' })
export class Project {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'A key to a project. Its secret is kept as a hash, and cannot be shown again.' })
export class ApiKey {
  @Field(() => ID) id: string;
  @Field(() => String, { nullable: true, description: 'How the key begins, `triad_…`, to know it by. Null for a key that was not made here.' }) prefix: string | null;
  @Field() name: string;
  @Field(() => RoleEnum) role: CallerRole;
  @Field(() => LimitSettings, { nullable: true, description: 'Beside those of its project; null: none. Set by setApiKeyLimits.' }) limits: LimitSettings | null;
  @Field({ description: 'Whether it may also make, name and list projects.' }) platform: boolean;
  @Field(() => String, { nullable: true, description: 'Principal that made it; null: the platform itself.' }) createdBy: string | null;
  @Field() createdAt: Date;
  @Field(() => Date, { nullable: true, description: 'Null: never.' }) expiresAt: Date | null;
  @Field(() => Date, { nullable: true, description: 'To the minute; null: not yet used.' }) lastUsedAt: Date | null;
  @Field(() => Date, { nullable: true }) revokedAt: Date | null;
  @Field(() => ID, { nullable: true, description: 'The key that took its place by rotateApiKey.' }) replacedBy: string | null;
}

@ObjectType()
export class IssuedApiKey {
  @Field(() => ApiKey) apiKey: ApiKey;
  @Field({ description: 'The key itself, for `Authorization: Bearer`. It is not shown again.' }) secret: string;
}

@ObjectType()
export class CreatedProject {
  @Field(() => Project) project: Project;
  @Field(() => ApiKey, { description: 'Its first admin key.' }) apiKey: ApiKey;
  @Field({ description: 'The key itself. It is not shown again.' }) secret: string;
}

@ObjectType({ description: 'Who calls.' })
export class Viewer {
  @Field({ description: '`key:<id>`, or `user:<e-mail address, or issuer#subject>`; as in `createdBy`.' }) principal: string;
  @Field(() => RoleEnum) role: CallerRole;
  @Field({ description: 'Whether the caller may make, name and list projects.' }) platform: boolean;
  @Field(() => Project) project: Project;
  @Field(() => ApiKey, { nullable: true, description: 'Null for a user.' }) apiKey: ApiKey | null;
}

@ArgsType()
export class CreateApiKeyArgs {
  @Field({ description: 'What it is for, 1–100 characters.' }) @IsString() name: string;
  @Field(() => RoleEnum, { description: 'At most the caller\'s own.' }) @IsIn(ROLES) role: CallerRole;
  @Field(() => Date, { nullable: true, description: 'Null: never.' }) @IsOptional() @IsDate() expiresAt?: Date | null;
}

@ArgsType()
export class RotateApiKeyArgs {
  @Field(() => ID) @IsString() id: string;
  @Field(() => Int, { defaultValue: 86_400, description: 'How long the old key stays valid beside the new one, seconds, up to 30 days; 0: not at all.' })
  @IsInt()
  overlapSeconds: number = 86_400;
}

export const ProjectConnection = connectionOf(Project, 'Project');
export const ApiKeyConnection = connectionOf(ApiKey, 'ApiKey');

@InputType()
export class ProjectFilter extends NamedFilter {}

@InputType()
export class ApiKeyFilter extends NamedFilter {
  @Field(() => RoleEnum, { nullable: true }) @IsOptional() @IsIn(ROLES) role?: CallerRole | null;
}

@ArgsType()
export class ProjectsArgs extends listArgsOf('Project', ProjectFilter, ['created_at', 'name']) {}
@ArgsType()
export class ApiKeysArgs extends listArgsOf('ApiKey', ApiKeyFilter, ['created_at', 'name']) {}
