import type { CallRecord } from './call-record.js';
import type { CallSettings } from './call-settings.service.js';
import { scrubbed } from './scrub.js';

/** Words of a call that can be searched for: characters of request and answer together. */
const SEARCHED = 65_536;
const MAX_INT = 2 ** 31 - 1;

/**
 * A call as the log stores it: the text of a JSON object of columns. Yields between pieces of work.
 * @param limit characters of a request's, and of an answer's, texts
 * @param pseudonym stands for a sticky key that something was hidden of, so that keys are still told apart: experiments count them
 */
export function* rowOf(record: CallRecord, { mode, finders }: CallSettings, limit: number, pseudonym: (key: string) => string): Generator<void, string> {
  const full = mode === 'full';
  const nothing = { value: null, cut: false, said: [] as string[] };
  const labels = finders.length > 0 && (record.metadata ?? record.stickyKey) ? (yield* scrubbed([record.metadata, record.stickyKey], finders, limit)).value as [CallRecord['metadata'], string | null]
    : [record.metadata, record.stickyKey] as const;
  const variables = full && record.variables ? yield* scrubbed(record.variables, finders, limit) : nothing;
  const request = full && record.request ? yield* scrubbed(record.request, finders, limit) : nothing;
  const answer = full && record.answer ? yield* scrubbed(record.answer, finders, limit) : nothing;
  const words = full ? [...request.said, ...answer.said].join('\n').slice(0, SEARCHED) || null : null;
  return storable(JSON.stringify(columnsOf(record, {
    logged: full ? 'full' : 'metadata', metadata: labels[0], stickyKey: labels[1] === record.stickyKey ? record.stickyKey : `${labels[1]} ${pseudonym(record.stickyKey!)}`,
    variables: variables.value, request: request.value, answer: answer.value, cut: variables.cut || request.cut || answer.cut, words,
  })));
}

type Kept = Pick<CallRecord, 'metadata' | 'stickyKey'> & Record<'logged' | 'variables' | 'request' | 'answer' | 'cut' | 'words', unknown>;

/**
 * One literal: spreading so many columns would make a slow object of them, ten times as long to write. What is null is left
 * out: Postgres takes half of its time for a row to read its JSON.
 */
const columnsOf = (record: CallRecord, kept: Kept) => ({
  project_id: record.projectId, id: record.id, at: record.at / 1000, logged: kept.logged, principal: record.principal, request_id: record.requestId, operation: record.operation,
  model: record.model, target: record.target ?? undefined, deployment_id: record.deploymentId ?? undefined, provider_id: record.providerId ?? undefined, model_version_id: record.modelVersionId ?? undefined,
  prompt_version_id: record.promptVersionId ?? undefined, prompt_messages: record.promptMessages, experiment_id: record.experimentId ?? undefined, arm: record.arm ?? undefined,
  sticky_key: kept.stickyKey ?? undefined, metadata: kept.metadata ?? undefined, status: record.status, error_code: record.errorCode ?? undefined, streamed: record.streamed, cached: record.cached,
  attempts: record.attempts, latency_ms: record.latencyMs, first_token_ms: record.firstTokenMs ?? undefined,
  prompt_tokens: whole(record.promptTokens), completion_tokens: whole(record.completionTokens), cost: Number.isFinite(record.cost) ? record.cost : 0,
  cut: kept.cut, variables: kept.variables ?? undefined, request: kept.request ?? undefined, answer: kept.answer ?? undefined, words: kept.words ?? undefined,
});

/** Providers say how many tokens they counted, and may say anything. */
const whole = (count: number): number => (count > 0 ? Math.min(MAX_INT, Math.round(count)) : 0);

/** What Postgres' texts cannot hold: NUL, and halves of characters. They become U+FFFD. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** JSON.stringify writes NUL and lone surrogates as escapes, and whole pairs as they are. */
export const storable = (json: string): string => (json.includes('\\u0000') || json.includes('\\ud') ? json.replace(UNSTORABLE, '$1\\ufffd') : json);

/** About how many bytes a call takes in memory: it is asked on the hot path, so that it looks at lengths only. */
export function sizeOf(record: CallRecord): number {
  if (record.request === null && record.answer === null && record.variables === null) return 1_000;
  const budget = { values: 2_000 };
  return 1_500 + weigh(record.request, budget) + weigh(record.answer, budget) + weigh(record.variables, budget);
}

function weigh(value: unknown, budget: { values: number }): number {
  if (typeof value === 'string') return 16 + value.length * 2;
  if (value === null || typeof value !== 'object') return 8;
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') return value.length * 8;
    let sum = 32;
    for (const each of value) {
      if (budget.values-- <= 0) return sum + value.length * 64;
      sum += weigh(each, budget);
    }
    return sum;
  }
  let sum = 64;
  for (const name in value) {
    if (budget.values-- <= 0) return sum + 1_000;
    sum += weigh((value as Record<string, unknown>)[name], budget);
  }
  return sum;
}
