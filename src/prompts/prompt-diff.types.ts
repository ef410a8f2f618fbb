import { Field, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { GraphQLJSON } from 'graphql-scalars';
import type { Hunk, JsonChange, MessageChange } from './prompt-diff.js';
import type { ChatRole } from './prompt.entity.js';
import { ChatRoleEnum, PromptVersion } from './prompt.types.js';

const HunkKindEnum = { equal: 'equal', removed: 'removed', added: 'added' } as const satisfies Record<Hunk['kind'], string>;
registerEnumType(HunkKindEnum, { name: 'DiffHunkKind', description: 'equal: in both. removed: only in the first version. added: only in the second.' });
const MessageChangeKindEnum = { equal: 'equal', added: 'added', removed: 'removed', changed: 'changed', moved: 'moved' } as const satisfies Record<MessageChange['kind'], string>;
registerEnumType(MessageChangeKindEnum, { name: 'MessageChangeKind', description: 'changed: its words or its role. moved: the same at another place.' });
const JsonChangeKindEnum = { added: 'added', removed: 'removed', changed: 'changed' } as const satisfies Record<JsonChange['kind'], string>;
registerEnumType(JsonChangeKindEnum, { name: 'JsonChangeKind', description: 'added: only the second version has it. removed: only the first. changed: the two differ.' });

@ObjectType({ description: 'A stretch of text that is in both, or in one only.' })
export class DiffHunk implements Hunk {
  @Field(() => HunkKindEnum, { description: 'In which version it is.' }) kind: Hunk['kind'];
  @Field({ description: 'As it stands there.' }) text: string;
}

@ObjectType({ description: 'What became of a message.' })
export class PromptMessageChange implements MessageChange {
  @Field(() => MessageChangeKindEnum, { description: 'What became of it.' }) kind: MessageChange['kind'];
  @Field(() => Int, { nullable: true, description: 'Its place in the first version, from 0.' }) from: number | null;
  @Field(() => Int, { nullable: true, description: 'Its place in the second version, from 0.' }) to: number | null;
  @Field(() => ChatRoleEnum, { nullable: true, description: 'Its role in the first version.' }) fromRole: ChatRole | null;
  @Field(() => ChatRoleEnum, { nullable: true, description: 'Its role in the second version.' }) toRole: ChatRole | null;
  @Field(() => [DiffHunk], { description: 'By words; by lines, or as a whole, where the texts are too long or too different for that.' }) hunks: Hunk[];
}

@ObjectType({ description: 'A value that differs.' })
export class PromptJsonChange implements JsonChange {
  @Field(() => JsonChangeKindEnum, { description: 'What became of it.' }) kind: JsonChange['kind'];
  @Field({ description: 'JSON Pointer (RFC 6901), such as `/tools/0/function/name`.' }) pointer: string;
  @Field(() => GraphQLJSON, { nullable: true, description: 'In the first version.' }) from: unknown;
  @Field(() => GraphQLJSON, { nullable: true, description: 'In the second version.' }) to: unknown;
}

@ObjectType({ description: 'How one version differs from another.' })
export class PromptDiff {
  @Field(() => PromptVersion, { description: 'The first version.' }) from: PromptVersion;
  @Field(() => PromptVersion, { description: 'The second version.' }) to: PromptVersion;
  @Field({ description: 'They say the same.' }) equal: boolean;
  @Field(() => [PromptMessageChange], { description: 'In the order of the second version.' }) messages: MessageChange[];
  @Field(() => [PromptJsonChange], { description: 'At most 1,000.' }) config: JsonChange[];
  @Field(() => [PromptJsonChange], { description: 'At most 1,000.' }) inputSchema: JsonChange[];
  @Field(() => [String], { description: 'Only the second has these.' }) addedTags: string[];
  @Field(() => [String], { description: 'Only the first has these.' }) removedTags: string[];
}
