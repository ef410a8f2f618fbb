import { assertShallow } from '../../common/json-depth.js';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { NAME_PATTERN } from '../../common/references.js';
import type { ChatRole, ChatTemplate } from '../prompt.entity.js';
import { ChatRoleEnum } from '../prompt.types.js';
import { FileProblem, type ImportedPrompt, type ImportedVersion, type PromptFile, UNSTORABLE } from './imported.js';
import { fromLangfuse, type LangfuseReference, referencesIn } from './langfuse-template.js';

/** One object of Langfuse's `GET /api/public/v2/prompts/{name}`; what else it holds is of no use here. */
const VERSION = z.object({
  name: z.string().min(1),
  type: z.enum(['text', 'chat']).optional(),
  prompt: z.union([z.string(), z.array(z.looseObject({}))], 'must be a text or a list of messages'),
  config: z.record(z.string(), z.unknown(), 'must be an object').nullish(),
  version: z.int().min(1).optional(),
  labels: z.array(z.string()).nullish(),
  tags: z.array(z.string()).nullish(),
  commitMessage: z.string().nullish(),
});
type LangfuseVersion = z.infer<typeof VERSION>;
const PLACEHOLDER = z.looseObject({ type: z.literal('placeholder'), name: z.string() });
const MESSAGE = z.looseObject({ role: z.string(), content: z.string() });
const ROLES = Object.values(ChatRoleEnum);

/** An object of the file, and where it stands. */
interface Item {
  value: unknown;
  /** Where in the file: a line of JSONL, or the path in the JSON. */
  line: number | null;
  at: (string | number)[];
}

/** The name that a prompt of Langfuse's, which may hold anything, has here. */
const nameHere = (name: string): string => name.split('/').map((part) => part.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')).filter((part) => part !== '').join('/');

/**
 * Reads prompts as Langfuse's API writes them: a list, `{data: []}`, one object, or an object per line. Versions are in order
 * of their numbers.
 * @throws FileProblem
 */
export function readLangfuse(file: PromptFile): ImportedPrompt[] {
  const problem = (item: Item, path: PropertyKey[], why: string): never => {
    const at = [...item.at, ...path.map((key) => (typeof key === 'symbol' ? String(key) : key))];
    throw new FileProblem(file.path, item.line ?? lineIn(file.content, at), `${at.map(String).join('.') || 'the object'}: ${why}`);
  };
  const byName = new Map<string, { item: Item; read: LangfuseVersion }[]>();
  for (const item of itemsOf(file)) {
    const { data, error } = VERSION.safeParse(item.value);
    if (!data) {
      const listed = typeof item.value === 'object' && item.value !== null && 'versions' in item.value && !('prompt' in item.value);
      return problem(item, error.issues[0]!.path, listed ? "this is of Langfuse's list of prompts, which does not hold their text; export each by GET /api/public/v2/prompts/{name}?version=N." : error.issues[0]!.message);
    }
    byName.set(data.name, [...byName.get(data.name) ?? [], { item, read: data }]);
  }
  return Array.from(byName.values(), (versions) => promptOf(file.path, versions.toSorted((a, b) => (a.read.version ?? 0) - (b.read.version ?? 0)), problem));
}

type Problem = (item: Item, path: PropertyKey[], why: string) => never;

function promptOf(path: string, versions: { item: Item; read: LangfuseVersion }[], problem: Problem): ImportedPrompt {
  const [{ item, read: { name } }] = versions as [{ item: Item; read: LangfuseVersion }];
  const here = nameHere(name);
  if (!NAME_PATTERN.test(here) || here.length > 200 || /\/\d+$/.test(here)) problem(item, ['name'], `${JSON.stringify(name.slice(0, 200))} cannot be made a name: use up to 200 letters, digits, '.', '_', '-' and '/', not digits alone at the end. Rename it in the file.`);
  const typeOf = (version: LangfuseVersion) => version.type ?? (typeof version.prompt === 'string' ? 'text' as const : 'chat' as const);
  const type = typeOf(versions[0]!.read);
  const made = versions.map((version, index) => {
    if (typeOf(version.read) !== type) problem(version.item, ['type'], `${JSON.stringify(name)} is ${type} in an earlier version; a prompt keeps its type.`);
    if (index > 0 && version.read.version !== undefined && version.read.version === versions[index - 1]!.read.version) problem(version.item, ['version'], `version ${version.read.version} of ${JSON.stringify(name)} is there twice.`);
    return versionOf(version.item, version.read, problem);
  });
  const tags = versions.at(-1)!.read.tags;
  return {
    path, name: here, type, description: undefined, promptTags: tags ?? undefined, versions: made.map(({ version }) => version),
    includes: [...new Set(made.flatMap(({ includes }) => includes))],
  };
}

function versionOf(item: Item, read: LangfuseVersion, problem: Problem): { version: ImportedVersion; includes: string[] } {
  const templates = templatesOf(item, read, problem);
  const translated = (refer: (reference: LangfuseReference) => string): ChatTemplate[] => templates.map(({ role, content, path }) => {
    try {
      return { role, content: fromLangfuse(content, refer) };
    } catch (error) {
      return problem(item, path, (error as Error).message);
    }
  });
  translated(() => 'x@x'); // so that what cannot be translated is told before anything is done
  return {
    includes: templates.flatMap(({ content }) => referencesIn(content).map(({ name }) => nameHere(name))),
    version: {
      number: read.version ?? null,
      messages: (versionOfName) => translated(({ name, by }) => ('label' in by ? `${nameHere(name)}@${by.label}` : `${nameHere(name)}/${versionOfName(nameHere(name), by.version)}`)),
      config: read.config ?? {}, inputSchema: null, tags: [], labels: (read.labels ?? []).filter((label) => label !== 'latest'), commitMessage: read.commitMessage ?? null,
      lineOf: () => item.line,
    },
  };
}

function templatesOf(item: Item, { prompt, type }: LangfuseVersion, problem: Problem): (ChatTemplate & { path: PropertyKey[] })[] {
  if (typeof prompt === 'string') return type === 'chat' ? problem(item, ['prompt'], 'a chat prompt holds a list of messages.') : [{ role: 'user', content: prompt, path: ['prompt'] }];
  if (type === 'text') return problem(item, ['prompt'], 'a text prompt holds a text.');
  if (prompt.length === 0) return problem(item, ['prompt'], 'it has no message.');
  return prompt.map((message, index) => {
    const path = ['prompt', index];
    const placeholder = PLACEHOLDER.safeParse(message);
    if (placeholder.success) return problem(item, path, `it holds the placeholder ${JSON.stringify(placeholder.data.name.slice(0, 100))} for messages. A prompt here has none: take it out, and give those messages beside the prompt in the call.`);
    const { data, error } = MESSAGE.safeParse(message);
    if (!data) return problem(item, [...path, ...error.issues[0]!.path], error.issues[0]!.message);
    if (!(ROLES as string[]).includes(data.role)) return problem(item, [...path, 'role'], `${JSON.stringify(data.role.slice(0, 100))} is no role of a message; there are ${ROLES.join(', ')}.`);
    return { role: data.role as ChatRole, content: data.content, path: [...path, 'content'] };
  });
}

function itemsOf({ path, content }: PromptFile): Item[] {
  const whole = parse(content);
  if (!('error' in whole)) return listOf(whole.value).map(({ value, at }) => ({ value, line: null, at }));
  const lines = content.split('\n');
  const items = lines.flatMap((line, index): Item[] => {
    if (line.trim() === '') return [];
    const read = parse(line);
    if ('error' in read) throw new FileProblem(path, lines.length > 1 && !path.endsWith('.jsonl') ? lineOfError(content, whole.error) : index + 1, `This is no JSON: ${read.error}`);
    return listOf(read.value).map(({ value, at }) => ({ value, line: index + 1, at }));
  });
  if (items.length === 0) throw new FileProblem(path, null, 'The file is empty.');
  return items;
}

function listOf(value: unknown): { value: unknown; at: (string | number)[] }[] {
  if (Array.isArray(value)) return value.map((each: unknown, index) => ({ value: each, at: [index] }));
  const data = typeof value === 'object' && value !== null && 'data' in value && !('prompt' in value) ? value.data : undefined;
  return Array.isArray(data) ? data.map((each: unknown, index) => ({ value: each, at: ['data', index] })) : [{ value, at: [] }];
}

function parse(text: string): { value: unknown } | { error: string } {
  try {
    const value = JSON.parse(text, storable) as unknown;
    assertShallow(value);
    return { value };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function storable(key: string, value: unknown): unknown {
  if (UNSTORABLE.test(key) || (typeof value === 'string' && UNSTORABLE.test(value))) throw new Error(`${JSON.stringify(key)} holds a character that no text may: NUL, or half of a pair. Take it out.`);
  return value;
}

function lineOfError(content: string, message: string): number | null {
  const position = /position (\d+)/.exec(message)?.[1];
  return position === undefined ? null : content.slice(0, Number(position)).split('\n').length;
}

/** The line of a value in a JSON text: JSON is YAML, whose reader knows where each value stands. */
function lineIn(content: string, path: (string | number)[]): number | null {
  if (content.length > 1_000_000) return null;
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  for (let length = path.length; length > 0; length--) {
    const found = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] | null } | undefined;
    if (found?.range) return lines.linePos(found.range[0]).line;
  }
  return 1;
}
