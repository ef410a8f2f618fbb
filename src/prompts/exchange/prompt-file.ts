import { type Document, LineCounter, parseDocument, stringify, visit, type YAMLMap } from 'yaml';
import { z } from 'zod';
import { assertShallow } from '../../common/json-depth.js';
import { checkName } from '../../common/references.js';
import { DomainError } from '../../common/errors.js';
import type { ChatTemplate, PromptType } from '../prompt.entity.js';
import { ChatRoleEnum, PromptTypeEnum } from '../prompt.types.js';
import { readChat, writeChat } from './chat-body.js';
import { FileProblem, type ImportedPrompt, type PromptFile, UNSTORABLE } from './imported.js';
import { includedIn } from './includes.js';
import { newYamlBudget, tooMuch, type YamlBudget } from './yaml-bounds.js';

/** Kept as it is: zod's own records leave out keys such as `__proto__`. */
const object = z.custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be a map');
const texts = z.array(z.string());
const HEAD = z.strictObject({
  type: z.enum(PromptTypeEnum).default('chat'),
  description: z.string().optional(),
  labels: texts.default([]),
  tags: texts.default([]),
  promptTags: texts.optional(),
  commitMessage: z.string().optional(),
  config: object.default({}),
  inputSchema: object.optional(),
});
/** A prompt that is YAML as a whole. */
const WHOLE = HEAD.extend({
  prompt: z.string().optional(),
  messages: z.array(z.strictObject({ role: z.enum(ChatRoleEnum), content: z.string() })).min(1).optional(),
});

/** What a file of one version says. */
export interface WrittenPrompt {
  name: string;
  type: PromptType;
  messages: ChatTemplate[];
  config: Record<string, unknown>;
  inputSchema: Record<string, unknown> | null;
  tags: string[];
  labels: string[];
  commitMessage: string | null;
  description: string | null;
  promptTags: string[];
}

/** A prompt as a Markdown file: what is not text as YAML between `---`, then the text of the messages. */
export function writePromptFile(prompt: WrittenPrompt): PromptFile {
  const { type, description, labels, tags, promptTags, commitMessage, config, inputSchema } = prompt;
  const head = {
    type,
    ...(description !== null && { description }), ...(labels.length > 0 && { labels }), ...(tags.length > 0 && { tags }), ...(promptTags.length > 0 && { promptTags }),
    ...(commitMessage !== null && { commitMessage }), ...(Object.keys(config).length > 0 && { config }), ...(inputSchema !== null && { inputSchema }),
  };
  const front = stringify(head, { lineWidth: 0, aliasDuplicateObjects: false });
  const body = type === 'chat' ? writeChat(prompt.messages) : `${prompt.messages[0]!.content}\n`;
  return { path: `${prompt.name}.md`, content: `---\n${front}---\n${body}` };
}

/** @throws FileProblem */
export function readPromptFile({ path, content }: PromptFile, budget = newYamlBudget()): ImportedPrompt {
  const text = normalised(content);
  const bad = UNSTORABLE.exec(text);
  if (bad) throw new FileProblem(path, text.slice(0, bad.index).split('\n').length, 'It holds a character that no text may: NUL, or half of a pair. Take it out.');
  const name = path.replace(/\.(?:md|ya?ml)$/, '');
  try {
    checkName(name, 'path');
  } catch (error) {
    throw error instanceof DomainError ? new FileProblem(path, null, error.message) : error;
  }
  return path.endsWith('.md') ? readMarkdown(path, name, text, budget) : readYaml(path, name, text, budget);
}

/** Without the byte order mark, and with the ends of lines that it had before a checkout or an editor on Windows made all of them CRLF. */
function normalised(content: string): string {
  const text = content.startsWith('\ufeff') ? content.slice(1) : content;
  return /(?<!\r)\n/.test(text) ? text : text.replaceAll('\r\n', '\n');
}

function readMarkdown(path: string, name: string, text: string, budget: YamlBudget): ImportedPrompt {
  const lines = text.split('\n');
  const end = lines.indexOf('---', 1);
  if (lines[0] !== '---' || end < 0) {
    throw new FileProblem(path, 1, 'A prompt starts with its front matter: a line "---", such as "type: chat", a line "---", and then the text.');
  }
  const yaml = new YamlText(path, lines.slice(1, end).map((line) => `${line}\n`).join(''), 1, budget);
  const head = yaml.read(HEAD);
  const body = lines.slice(end + 1).join('\n');
  const messages = head.type === 'chat' ? readChat(body, (line, why) => { throw new FileProblem(path, end + 2 + line, why); })
    : [{ role: 'user' as const, content: body.replace(/\n$/, '') }];
  return imported(path, name, head, messages, (param) => (param?.startsWith('messages') || param === 'prompt' ? end + 2 : yaml.lineOf(param)));
}

function readYaml(path: string, name: string, text: string, budget: YamlBudget): ImportedPrompt {
  const yaml = new YamlText(path, text, 0, budget);
  const { prompt, messages, ...head } = yaml.read(WHOLE);
  const wanted = head.type === 'chat' ? messages : prompt === undefined ? undefined : [{ role: 'user' as const, content: prompt }];
  if (!wanted || (prompt !== undefined && messages !== undefined)) {
    throw new FileProblem(path, yaml.lineOf('type'), head.type === 'chat' ? 'A chat prompt has messages, and no prompt: write messages: with role and content of each.' : `A prompt of type ${head.type} has its text under prompt:, and no messages.`);
  }
  return imported(path, name, head, wanted, (param) => yaml.lineOf(param));
}

function imported(path: string, name: string, head: z.infer<typeof HEAD>, messages: ChatTemplate[], lineOf: (param: string | null) => number | null): ImportedPrompt {
  const { type, description, promptTags, config, inputSchema, tags, labels, commitMessage } = head;
  return {
    path, name, type, description, promptTags, includes: includedIn(messages),
    versions: [{ number: null, messages: () => messages, config, inputSchema: inputSchema ?? null, tags, labels, commitMessage: commitMessage ?? null, lineOf }],
  };
}

/** YAML in a file, whose values are found again when something is wrong with them. */
class YamlText {
  private readonly lines = new LineCounter();
  private readonly document: Document;

  /** @param before lines of the file before it */
  constructor(private readonly path: string, text: string, private readonly before: number, budget: YamlBudget) {
    const refused = tooMuch(text, budget);
    if (refused) throw new FileProblem(path, before + text.slice(0, refused.offset).split('\n').length, `This is more YAML than a prompt needs: ${refused.why}.`);
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, stringKeys: true, uniqueKeys: false, logLevel: 'error' });
    const [error] = this.document.errors;
    if (error) throw new FileProblem(path, this.lineAt(error.pos[0]), `This is no YAML: ${error.message}`);
    visit(this.document, { Map: (_, map) => this.assertUnique(map) });
  }

  read<T extends z.ZodType>(schema: T): z.infer<T> {
    const { data, error } = schema.safeParse(this.value() ?? {});
    if (!error) return data;
    const [issue] = error.issues;
    const { path, message } = issue!;
    const keys = issue!.code === 'unrecognized_keys' ? [...path, issue.keys[0]!] : path;
    throw new FileProblem(this.path, this.lineOf(keys.map(String).join('.')), path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message);
  }

  /** The line of a value such as `config.tools[0].function`, or of the nearest there is around it. */
  lineOf(param: string | null): number | null {
    const keys = param?.split(/[.[\]]+/).filter(Boolean).map((key) => (/^\d+$/.test(key) ? Number(key) : key)) ?? [];
    for (let length = keys.length; length > 0; length--) {
      const found = this.document.getIn(keys.slice(0, length), true) as { range?: [number, number, number] | null } | undefined;
      if (found?.range) return this.lineAt(found.range[0]);
    }
    return 1;
  }

  /** In time linear in the number of keys, as the reader's own check is not. */
  private assertUnique({ items }: YAMLMap): void {
    const seen = new Set<unknown>();
    for (const { key } of items as { key: { value?: unknown; range?: [number, number, number] | null } | null }[]) {
      if (seen.has(key?.value)) throw new FileProblem(this.path, this.lineAt(key?.range?.[0] ?? 0), `This is no YAML: the key ${JSON.stringify(key?.value)} is there twice.`);
      seen.add(key?.value);
    }
  }

  private value(): unknown {
    try {
      const value: unknown = this.document.toJS({ maxAliasCount: 0 });
      assertShallow(value);
      return value === undefined ? undefined : JSON.parse(JSON.stringify(value, asJson));
    } catch (error) {
      throw new FileProblem(this.path, null, error instanceof NoJson || error instanceof DomainError ? error.message : 'It uses YAML that a prompt does without, such as aliases. Write each value out.');
    }
  }

  private lineAt(offset: number): number {
    return this.before + Math.max(1, this.lines.linePos(offset).line);
  }
}

class NoJson extends Error {}

/** @throws NoJson for what JSON, or Postgres, has no place for. */
function asJson(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new NoJson(`${key} is ${value}, which no version can hold.`);
  if (UNSTORABLE.test(key) || (typeof value === 'string' && UNSTORABLE.test(value))) throw new NoJson(`${JSON.stringify(key)} holds a character that no text may: NUL, or half of a pair. Take it out.`);
  return value;
}
