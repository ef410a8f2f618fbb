import { isObject } from '../common/is-object.js';
import type { ChatMessage, DatasetRow, Scalar } from '../datasets/row.js';
import { promptKey } from '../datasets/row.js';
import type { CallFeedbackEntity } from './call.entity.js';
import type { WholeCall } from './call.service.js';

export type CallDatasetKind = 'sft' | 'preference';
/** folded: rows hold the prompt as it was rendered; stripped: what the registered prompt made is left out. */
export type PromptUse = 'folded' | 'stripped';

/** Why a call made no row; in the order in which it is looked for. */
export const LEFT_OUT = {
  not_logged_in_full: 'What was asked and answered was not kept.',
  failed: 'The call failed.',
  cut: 'Its texts were too long for the log.',
  not_text: 'It is no chat or completion of texts alone: images, tools, or an empty answer.',
  no_prompt: 'Without what the registered prompt made nothing is left, and no variables of texts or numbers.',
  not_good: 'Nobody said that it is good, or somebody did and the latest did not.',
  no_pair: 'Nobody corrected it or preferred it over another.',
  other_prompt: 'The call that it was preferred over asked something else.',
  other_missing: 'The call that it was preferred over is not in the log, or not in full.',
  same_answers: 'The better answer is the worse one.',
} as const;
export type LeftOut = keyof typeof LEFT_OUT;

export interface Judging {
  kind: CallDatasetKind;
  prompt: PromptUse;
  /** An answer whose scores are this on average, or more, is good. */
  minScore: number | null;
  includeCorrections: boolean;
}

type Question = Pick<DatasetRow, 'prompt' | 'input'>;
interface Exchange {
  question: Question;
  answer: string;
}

/** The rows that a call gives. `others`: calls that it was preferred over, by id. */
export function rowsOf(call: WholeCall, others: ReadonlyMap<string, WholeCall>, judging: Judging): { rows: DatasetRow[]; leftOut: LeftOut[] } {
  const exchange = exchangeOf(call, judging.prompt);
  if (typeof exchange === 'string') return { rows: [], leftOut: [exchange] };
  return judging.kind === 'sft' ? sftRow(call, exchange, judging) : pairs(call, exchange, others, judging);
}

function sftRow({ feedback }: WholeCall, { question, answer }: Exchange, { includeCorrections, minScore }: Judging): { rows: DatasetRow[]; leftOut: LeftOut[] } {
  const correction = includeCorrections ? latest(feedback, 'correctedAnswer') : null;
  if (correction !== null) return { rows: [{ ...question, completion: correction }], leftOut: [] };
  return isGood(feedback, minScore) ? { rows: [{ ...question, completion: answer }], leftOut: [] } : { rows: [], leftOut: ['not_good'] };
}

/** The latest thumb counts, and the mean of all scores; an answer that was corrected is not good as it is. */
function isGood(feedback: CallFeedbackEntity[], minScore: number | null): boolean {
  const thumb = latest(feedback, 'thumb');
  if (thumb === false || latest(feedback, 'correctedAnswer') !== null) return false;
  const scores = feedback.flatMap(({ score }) => score ?? []);
  return thumb === true || (minScore !== null && scores.length > 0 && scores.reduce((sum, score) => sum + score, 0) / scores.length >= minScore);
}

/** @param feedback oldest first */
function latest<K extends 'thumb' | 'correctedAnswer'>(feedback: CallFeedbackEntity[], column: K): CallFeedbackEntity[K] | null {
  return feedback.findLast((each) => each[column] !== null)?.[column] ?? null;
}

function pairs(call: WholeCall, { question, answer }: Exchange, others: ReadonlyMap<string, WholeCall>, judging: Judging): { rows: DatasetRow[]; leftOut: LeftOut[] } {
  const found: (DatasetRow | LeftOut)[] = [];
  const correction = judging.includeCorrections ? latest(call.feedback, 'correctedAnswer') : null;
  if (correction !== null) found.push(pair(question, correction, answer));
  for (const { preferredOverAnswer, preferredOverCallId } of call.feedback) {
    if (preferredOverAnswer !== null) found.push(pair(question, answer, preferredOverAnswer));
    if (preferredOverCallId !== null) found.push(against(question, answer, others.get(preferredOverCallId), judging.prompt));
  }
  if (found.length === 0) return { rows: [], leftOut: ['no_pair'] };
  return { rows: found.filter((each) => typeof each !== 'string'), leftOut: found.filter((each) => typeof each === 'string') };
}

function against(question: Question, answer: string, other: WholeCall | undefined, prompt: PromptUse): DatasetRow | LeftOut {
  if (!other) return 'other_missing';
  const theirs = exchangeOf(other, prompt);
  if (typeof theirs === 'string') return theirs === 'not_logged_in_full' ? 'other_missing' : theirs;
  return promptKey(theirs.question) === promptKey(question) ? pair(question, answer, theirs.answer) : 'other_prompt';
}

const pair = (question: Question, chosen: string, rejected: string): DatasetRow | LeftOut => (
  chosen.trim() === rejected.trim() ? 'same_answers' : { ...question, chosen, rejected });

function exchangeOf(call: WholeCall, prompt: PromptUse): Exchange | LeftOut {
  if (!call.request || !call.answer) return call.logged === 'full' && call.errorCode !== null ? 'failed' : 'not_logged_in_full';
  if (call.errorCode !== null) return 'failed';
  if (call.cut) return 'cut';
  const asked = askedOf(call.request);
  const answer = answerOf(call.answer);
  if (!asked || answer === null) return 'not_text';
  const question = prompt === 'folded' ? { prompt: asked } : strippedOf(call, asked);
  if (!question) return 'no_prompt';
  return question.prompt?.at(-1)?.role === 'assistant' ? 'not_text' : { question, answer };
}

/** Without the messages that the registered prompt made; the variables it was filled in with, when it made them all. */
function strippedOf({ promptMessages, variables }: WholeCall, asked: ChatMessage[]): Question | null {
  const own = asked.slice(promptMessages);
  if (own.length > 0) return { prompt: own };
  const scalars = Object.entries(variables ?? {}).filter((entry): entry is [string, Scalar] => ['string', 'number', 'boolean'].includes(typeof entry[1]));
  return scalars.length > 0 && scalars.length === Object.keys(variables!).length ? { input: Object.fromEntries(scalars) } : null;
}

type Json = Record<string, unknown>;
const ROLES: Record<string, ChatMessage['role']> = { system: 'system', developer: 'system', user: 'user', assistant: 'assistant' };

/** The messages of a request of any route, when all are texts. */
function askedOf(request: Json): ChatMessage[] | null {
  if (typeof request['prompt'] === 'string' && request['prompt'].trim() !== '') return [{ role: 'user', content: request['prompt'] }];
  const list = request['messages'];
  if (!Array.isArray(list) || list.length === 0 || request['tools'] !== undefined && hasTools(list)) return null;
  const { system: said } = request; // Anthropic's: text, or blocks of which each is a message
  const system = said == null ? [] : (Array.isArray(said) ? said as unknown[] : [said]).map((block) => ({ role: 'system', content: isObject(block) ? [block] : block }));
  const messages = [...system, ...list as unknown[]].map((message): ChatMessage | null => {
    if (!isObject(message)) return null;
    const role = ROLES[String(message['role'])];
    const content = textOf(message['content']);
    return role && content !== null && message['tool_calls'] === undefined ? { role, content } : null;
  });
  return messages.every((each) => each !== null) ? messages : null;
}

const hasTools = (list: unknown[]): boolean => list.some((message) => isObject(message) && (message['tool_calls'] !== undefined || message['role'] === 'tool'));

/** The text of an answer of any route. */
function answerOf(answer: Json): string | null {
  const choices = answer['choices'];
  if (!Array.isArray(choices)) return textOf(answer['content']); // Anthropic's
  const [choice] = choices as unknown[];
  if (!isObject(choice)) return null;
  if (typeof choice['text'] === 'string') return textOf(choice['text']);
  const message = choice['message'];
  if (!isObject(message) || Array.isArray(message['tool_calls']) && message['tool_calls'].length > 0) return null;
  return textOf(message['content']);
}

/** Text, or parts that are all text. */
function textOf(content: unknown): string | null {
  const parts = Array.isArray(content) ? (content as unknown[]).map((part) => (isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string' ? part['text'] : null)) : [content];
  if (!parts.every((part) => typeof part === 'string')) return null;
  const text = parts.join('');
  return text.trim() === '' ? null : text;
}
