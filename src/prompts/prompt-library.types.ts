import { Field, Int, ObjectType } from '@nestjs/graphql';
import { connectionOf } from '../common/pagination.js';
import type { LineageNodeType } from '../models/model.entity.js';
import { LineageNode, LineageNodeTypeEnum } from '../models/model.types.js';

@ObjectType({ description: 'A folder of prompts, there as long as a prompt that is not archived is in it.' })
export class PromptFolder {
  @Field({ description: 'Such as `house/lights`; empty for the root.' }) path: string;
}

export const PromptFolderConnection = connectionOf(PromptFolder, 'PromptFolder');

@ObjectType({ description: 'Where a label is.' })
export class PromptLabel {
  @Field({ description: 'Its name.' }) label: string;
  @Field(() => Int, { description: 'Number of the version that it names.' }) version: number;
}

@ObjectType({ description: 'What came of a prompt version, of one type.' })
export class PromptUse {
  @Field(() => LineageNodeTypeEnum, { description: 'Of what came of it.' }) type: LineageNodeType;
  @Field(() => Int, { description: 'How many; of all types together 10,000 at most are counted.' }) count: number;
  @Field(() => [LineageNode], { description: 'The newest ten; `lineage(type: prompt_version, direction: down)` shows all, with how they hang together.' }) newest: LineageNode[];
}

