import { ArgsType, Directive, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { connectionOf, CreatedFilter, listArgsOf, NamedFilter } from '../common/pagination.js';
import type { Licence as LicenceEntry, Permission } from './licences.js';
import type { LineageNodeType, LineageRelation, ModelKind } from './model.entity.js';

export const ModelKindEnum = { base: 'base', adapter: 'adapter', reward: 'reward' } as const;
registerEnumType(ModelKindEnum, {
  name: 'ModelKind',
  description: 'base: whole weights. adapter: PEFT adapter on a base. reward: sequence classifier with one score.',
});

export const LineageNodeTypeEnum = {
  prompt_version: 'prompt_version', dataset_version: 'dataset_version', model_version: 'model_version',
  fine_tune_job: 'fine_tune_job', evaluation_run: 'evaluation_run', deployment: 'deployment',
} as const satisfies Record<LineageNodeType, LineageNodeType>;
registerEnumType(LineageNodeTypeEnum, { name: 'LineageNodeType' });

export const LineageRelationEnum = {
  weights_derived: 'weights_derived', output_derived: 'output_derived', data_derived: 'data_derived', rendered_with: 'rendered_with',
  trained_by: 'trained_by', scored_by: 'scored_by', measured_by: 'measured_by', deployed_as: 'deployed_as',
} as const satisfies Record<LineageRelation, LineageRelation>;
registerEnumType(LineageRelationEnum, { name: 'LineageRelation', description: 'How the target came from the source.' });

export const LineageDirectionEnum = { up: 'up', down: 'down' } as const;
registerEnumType(LineageDirectionEnum, { name: 'LineageDirection', description: 'up: what it came from. down: what came of it.' });

export const PermissionEnum = {
  allowed: 'allowed', derivative: 'derivative', research_only: 'research_only', same_family_only: 'same_family_only', refused: 'refused', unknown: 'unknown',
} as const satisfies Record<Permission, Permission>;
registerEnumType(PermissionEnum, {
  name: 'LicencePermission',
  description: 'derivative: what comes of it stays under the licence. same_family_only: for models of the same family. unknown: the text does not settle it.',
});

@ObjectType({ description: 'A file of an artefact.' })
export class ArtefactFile {
  @Field() path: string;
  @Field() sha256: string;
  @Field(() => Float) bytes: number;
}

@ObjectType({ description: 'A directory of files whose every byte is known.' })
export class Artefact {
  @Field(() => ID) id: string;
  @Field({ description: 'SHA-256 of the manifest.' }) sha256: string;
  @Field(() => Float) bytes: number;
  @Field(() => [ArtefactFile]) files: ArtefactFile[];
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'One immutable version of a model.' })
export class ModelVersion {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => Int) version: number;
  @Field(() => ModelKindEnum) kind: ModelKind;
  @Field({ description: 'Identifier in the licence catalogue.' }) licence: string;
  @Field(() => ID, { nullable: true, description: 'The whole-weights version that an adapter loads on.' }) baseVersionId: string | null;
  @Field(() => ID, { nullable: true, description: 'The fine-tune job that made it.' }) jobId: string | null;
  @Field(() => ID, { nullable: true, description: 'The prompt that its training data was rendered with.' }) promptVersionId: string | null;
  @Field({ description: 'Who made it: `key:<id>` or `job:<name>`.' }) createdBy: string;
  @Field() createdAt: Date;
}

@Directive('@key(fields: "id")')
@ObjectType({ description: 'A named model.' })
export class Model {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => String, { nullable: true }) description: string | null;
  @Field(() => Int, { description: 'Number of the newest version.' }) latestVersion: number;
  @Field() createdAt: Date;
}

@ObjectType({ description: 'Something in the graph of what came of what.' })
export class LineageNode {
  @Field(() => LineageNodeTypeEnum) type: LineageNodeType;
  @Field(() => ID) id: string;
  @Field({ description: 'What a person would call it, such as `smart-home/2 (adapter)`.' }) label: string;
}

@ObjectType({ description: 'From a source to what came of it.' })
export class LineageEdge {
  @Field(() => ID) from: string;
  @Field(() => ID) to: string;
  @Field(() => LineageRelationEnum) relation: LineageRelation;
}

@ObjectType()
export class Lineage {
  @Field(() => [LineageNode]) nodes: LineageNode[];
  @Field(() => [LineageEdge]) edges: LineageEdge[];
}

@ObjectType({ description: 'What the catalogue says of a licence: facts with their source, not legal advice.' })
export class Licence implements LicenceEntry {
  @Field(() => ID) id: string;
  @Field() name: string;
  @Field(() => [String], { description: 'Model families known to carry it.' }) families: string[];
  @Field(() => PermissionEnum) fineTuning: Permission;
  @Field(() => PermissionEnum) commercialUse: Permission;
  @Field(() => PermissionEnum, { description: 'Training other models on outputs.' }) outputs: Permission;
  @Field(() => [String]) duties: string[];
  @Field(() => Int, { nullable: true, description: 'Monthly active users above which another agreement is needed.' }) userCap: number | null;
  @Field() source: string;
  @Field({ description: 'Month the facts were taken from the source.' }) read: string;
}

export const ModelConnection = connectionOf(Model, 'Model');
export const ModelVersionConnection = connectionOf(ModelVersion, 'ModelVersion');

@InputType()
export class ModelFilter extends NamedFilter {}

@InputType()
export class ModelVersionFilter extends CreatedFilter {
  @Field(() => ModelKindEnum, { nullable: true }) @IsOptional() @IsIn(Object.values(ModelKindEnum)) kind?: ModelKind | null;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() licence?: string | null;
}

@ArgsType()
export class ModelsArgs extends listArgsOf('Model', ModelFilter, ['created_at', 'name']) {}
@ArgsType()
export class ModelVersionsArgs extends listArgsOf('ModelVersion', ModelVersionFilter, ['version']) {}

@InputType()
export class RegisterBaseModelInput {
  @Field({ description: 'May hold slashes as folders.' }) @IsString() name: string;
  @Field({ description: 'Name of a directory below TRIAD_HOME/models that holds config.json, the tokenizer and safetensors.' }) @IsString() source: string;
  @Field({ description: 'Identifier in the licence catalogue (query `licences`).' }) @IsString() licence: string;
  @Field(() => String, { nullable: true }) @IsOptional() @IsString() description?: string | null;
}
