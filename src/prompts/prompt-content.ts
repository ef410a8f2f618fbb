import type { ChatTemplate, PromptType, PromptVersionEntity } from './prompt.entity.js';

/** What a version says: two of equal content need not be two versions. */
export interface PromptContent {
  type: PromptType;
  messages: ChatTemplate[];
  config: Record<string, unknown>;
  /** JSON Schema of the variables; null when it is only inferred from the templates. */
  inputSchema: Record<string, unknown> | null;
  tags: string[];
}

export function contentOf(version: PromptVersionEntity): PromptContent {
  const { type, messages, config, tags, inputSchema, inputSchemaGiven } = version;
  return { type, messages, config, tags, inputSchema: inputSchemaGiven ? inputSchema : null };
}

export function sameContent(a: PromptContent, b: PromptContent): boolean {
  const keyOf = ({ type, messages, config, inputSchema, tags }: PromptContent) =>
    JSON.stringify(inOrder([type, messages.map(({ role, content }) => [role, content]), config, inputSchema, [...new Set(tags)].sort()]));
  return keyOf(a) === keyOf(b);
}

/** The same JSON with the keys of its objects sorted: Postgres does not keep their order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, inOrder(each)]).concat([['{}']]);
}
