import { z } from 'zod';
import { DataProblem } from './lines.js';
import type { DatasetFormat } from './dataset.entity.js';
import type { ChatMessage, DatasetRow, Scalar } from './row.js';

type Source = Record<string, unknown>;

const isScalar = (value: unknown): value is Scalar => ['string', 'number', 'boolean'].includes(typeof value);
const text = z.string('must be text').refine((value) => value.trim() !== '', 'is empty');
/** OpenAI's list of parts, when all are text. */
const parts = z.array(z.object({ type: z.literal('text'), text: z.string() })).transform((list) => list.map((part) => part.text).join(''));
const content = z.preprocess((value) => (Array.isArray(value) ? parts.safeParse(value).data ?? value : value), text);
const role = z.enum(['system', 'developer', 'user', 'assistant'], 'must be system, developer, user or assistant')
  .transform((value) => (value === 'developer' ? 'system' : value));
const messages = z.array(z.object({ role, content }, 'must be {role, content}'), 'must be text or a list of {role, content} messages').min(1, 'is empty');
const variables = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()], 'must be text, number or boolean'), 'must be an object of variables, such as {"sentence": "…"}')
  .refine((value) => Object.keys(value).length > 0, 'is empty');

/** @throws DataProblem naming the column at fault. */
function read<T>(schema: z.ZodType<T>, value: unknown, column: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataProblem(`column ${[column, ...(issue?.path ?? [])].join('.')} ${issue?.message}.`);
}

/** A plain string is one user message. */
const readMessages = (value: unknown, column: string): ChatMessage[] =>
  typeof value === 'string' ? [{ role: 'user', content: read(text, value, column) }] : read(messages, value, column);

function readPrompt(value: unknown, column: string): ChatMessage[] {
  const prompt = readMessages(value, column);
  if (prompt.at(-1)?.role === 'assistant') throw new DataProblem(`column ${column} ends with the assistant's turn; it must end with what is to be answered.`);
  return prompt;
}

/** An answer: text, or messages that are one assistant turn after what the prompt says. */
function readAnswer(value: unknown, prompt: ChatMessage[], column: string): string {
  if (typeof value === 'string') return read(text, value, column);
  const turns = read(messages, value, column);
  const own = commonPrefix(turns, prompt) === prompt.length ? turns.slice(prompt.length) : turns;
  if (own.length !== 1 || own[0]?.role !== 'assistant') throw new DataProblem(`column ${column} must be text or one assistant message that answers the prompt.`);
  return own[0].content;
}

function commonPrefix(a: ChatMessage[], b: ChatMessage[]): number {
  const differ = a.findIndex((message, index) => !b[index] || message.role !== b[index].role || message.content !== b[index].content);
  return differ === -1 ? a.length : differ;
}

/** Whole conversation → what is asked, and the assistant's last turn. */
function splitConversation(turns: ChatMessage[], column: string): { prompt: ChatMessage[]; answer: string } {
  const last = turns.at(-1);
  if (last?.role !== 'assistant') throw new DataProblem(`column ${column} must end with the assistant's turn, which is the answer to learn.`);
  if (turns.length < 2) throw new DataProblem(`column ${column} holds no turn before the answer.`);
  return { prompt: turns.slice(0, -1), answer: last.content };
}

/** A conversation that holds its own prompt: messages, or a transcript. */
const readConversation = (value: unknown, column: string): ChatMessage[] =>
  typeof value === 'string' ? readTranscript(value, column) : read(messages, value, column);

/** Anthropic-HH: "\n\nHuman: …\n\nAssistant: …". */
function readTranscript(value: string, column: string): ChatMessage[] {
  const pieces = value.split(/(?:^|\n\n)(Human|Assistant):/);
  if (pieces[0]!.trim() !== '' || pieces.length < 3) {
    throw new DataProblem(`column prompt is missing, and ${column} is no transcript of "\\n\\nHuman: …\\n\\nAssistant: …" turns. Add a prompt.`);
  }
  const turns = [];
  for (let index = 1; index < pieces.length; index += 2) {
    turns.push({ role: pieces[index] === 'Human' ? 'user' : 'assistant', content: pieces[index + 1]!.trim() });
  }
  return read(messages, turns, column);
}

type Question = { prompt: ChatMessage[] } | { input: Record<string, Scalar> };

/** `prompt` or `input`; null when the row has neither. */
function readQuestion(source: Source): Question | null {
  if (source['prompt'] != null && source['input'] != null) throw new DataProblem('has both prompt and input. Keep one of them.');
  if (source['prompt'] != null) return { prompt: readPrompt(source['prompt'], 'prompt') };
  return source['input'] == null ? null : { input: read(variables, source['input'], 'input') };
}

const promptOf = (question: Question): ChatMessage[] => ('prompt' in question ? question.prompt : []);

function sft(source: Source): DatasetRow {
  if (source['completion'] != null) {
    const question = readQuestion(source);
    if (!question) throw new DataProblem('column prompt is missing. A row has prompt (or input) and completion, or messages.');
    return { ...question, completion: readAnswer(source['completion'], promptOf(question), 'completion') };
  }
  if (source['messages'] == null) throw new DataProblem('is no sft row: it has neither completion nor messages. Write {prompt, completion}, {input, completion} or {messages}.');
  const { prompt, answer } = splitConversation(read(messages, source['messages'], 'messages'), 'messages');
  return { prompt, completion: answer };
}

function preference(source: Source): DatasetRow {
  if (source['preferred_output'] !== undefined) {
    const prompt = readPrompt((source['input'] as { messages?: unknown } | null)?.messages, 'input.messages');
    return pair({ prompt }, source, ['preferred_output', 'non_preferred_output']);
  }
  for (const column of ['chosen', 'rejected']) {
    if (source[column] == null) throw new DataProblem(`column ${column} is missing. A row has prompt (or input), chosen and rejected.`);
  }
  const slice = source['slice'] == null ? {} : { slice: read(text, source['slice'], 'slice') };
  const question = readQuestion(source);
  if (question) return pair({ ...question, ...slice }, source, ['chosen', 'rejected']);
  const chosen = readConversation(source['chosen'], 'chosen');
  const rejected = readConversation(source['rejected'], 'rejected');
  const shared = Math.min(commonPrefix(chosen, rejected), chosen.length - 1);
  if (shared === 0) throw new DataProblem('column prompt is missing, and chosen and rejected do not begin with the same turns. Add a prompt.');
  return pair({ prompt: chosen.slice(0, shared), ...slice }, { chosen, rejected }, ['chosen', 'rejected']);
}

function pair(question: Question & { slice?: string }, source: Source, columns: [string, string]): DatasetRow {
  const [chosen, rejected] = columns.map((column) => readAnswer(source[column], promptOf(question), column)) as [string, string];
  if (chosen === rejected) throw new DataProblem(`columns ${columns.join(' and ')} are the same. A pair needs a better and a worse answer.`);
  return { ...question, chosen, rejected };
}

function prompt(source: Source): DatasetRow {
  const question = readQuestion(source);
  if (question) return question;
  if (source['messages'] == null) throw new DataProblem('column prompt is missing. A row has prompt, input or messages, and any columns that graders name.');
  const turns = read(messages, source['messages'], 'messages');
  if (turns.at(-1)?.role !== 'assistant') return { prompt: turns };
  const conversation = splitConversation(turns, 'messages');
  return { prompt: conversation.prompt, completion: conversation.answer };
}

const SHAPES = { sft, preference, prompt } satisfies Record<DatasetFormat, (source: Source) => DatasetRow>;
const CONSUMED: Record<DatasetFormat, string[]> = {
  sft: ['prompt', 'input', 'completion', 'messages'],
  preference: ['prompt', 'input', 'chosen', 'rejected', 'slice', 'preferred_output', 'non_preferred_output'],
  prompt: ['prompt', 'input', 'messages'],
};

/**
 * Brings a row of any recognised shape (TRL's, OpenAI's chat and preference lines, Anthropic-HH transcripts) to ours.
 * Further scalar columns are kept; other ones (null, lists, objects) are left out: the uploaded file keeps them.
 * Columns come in a fixed order, so that equal rows are equal text.
 * @throws DataProblem naming the column at fault.
 */
export function normaliseRow(source: Source, format: DatasetFormat): DatasetRow {
  const row = SHAPES[format](source);
  const extras = Object.entries(source).filter(([name, value]) => isScalar(value) && !CONSUMED[format].includes(name));
  const sorted = (entries: [string, unknown][]) => Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...(row.input ? { ...row, input: sorted(Object.entries(row.input)) as DatasetRow['input'] } : row), ...sorted(extras) } as DatasetRow;
}
