import type { CallRecord } from './call-record.js';
import type { CallSettings } from './call-settings.service.js';
import { scrubbed } from './scrub.js';

/** Words of a call that can be searched for: characters of request and answer together. */
const SEARCHED = 65_536;
const MAX_INT = 2 ** 31 - 1;

/** Whether something of a call is to be searched for what is hidden, cut or digested before it is stored. */
export const needsWork = (record: CallRecord, { mode, finders }: CallSettings): boolean =>
  mode === 'full' || (finders.length > 0 && (record.metadata !== null || record.stickyKey !== null));

/** A call as the log stores it: the text of a JSON object of columns. For one that needs no work, and is kept without its texts. */
export const plainRowOf = (record: CallRecord): string => storable(JSON.stringify(columnsOf(record, 'metadata', record.metadata, record.stickyKey)));

/**
 * The same for one that needs work: yields between its pieces.
 * @param limit characters of a request's, and of an answer's, texts
 * @param pseudonym stands for a sticky key that something was hidden of, so that keys are still told apart: experiments count them
 */
export function* rowOf(record: CallRecord, { mode, finders }: CallSettings, limit: number, pseudonym: (key: string) => string): Generator<void, string> {
  const full = mode === 'full';
  const nothing = { value: undefined, cut: false, said: [] as string[] };
  const [metadata, stickyKey] = finders.length > 0 && (record.metadata ?? record.stickyKey) ? (yield* scrubbed([record.metadata, record.stickyKey], finders, limit)).value as [CallRecord['metadata'], string | null]
    : [record.metadata, record.stickyKey];
  const variables = full && record.variables ? yield* scrubbed(record.variables, finders, limit) : nothing;
  const request = full && record.request ? yield* scrubbed(record.request, finders, limit) : nothing;
  const answer = full && record.answer ? yield* scrubbed(record.answer, finders, limit) : nothing;
  const words = full ? [...request.said, ...answer.said].join('\n').slice(0, SEARCHED) || undefined : undefined;
  const columns = columnsOf(record, full ? 'full' : 'metadata', metadata, stickyKey === record.stickyKey ? stickyKey : `${stickyKey} ${pseudonym(record.stickyKey!)}`);
  columns.cut = variables.cut || request.cut || answer.cut;
  [columns.variables, columns.request, columns.answer, columns.words] = [variables.value, request.value, answer.value, words];
  return storable(JSON.stringify(columns));
}

/** For one whose work takes too long: nothing is kept that would have been searched, and the row says that it is cut. */
export function bareRowOf(record: CallRecord, { mode }: CallSettings, pseudonym: (key: string) => string): string {
  const columns = columnsOf(record, mode === 'full' ? 'full' : 'metadata', null, record.stickyKey && pseudonym(record.stickyKey));
  columns.cut = true;
  return storable(JSON.stringify(columns));
}

/**
 * One literal: spreading so many columns would make a slow object of them, ten times as long to write. What is null is left
 * out: Postgres takes half of its time for a row to read its JSON.
 */
const columnsOf = (record: CallRecord, logged: 'full' | 'metadata', metadata: CallRecord['metadata'], stickyKey: string | null) => ({
  project_id: record.projectId, id: record.id, at: record.at / 1000, logged, principal: record.principal, request_id: record.requestId, operation: record.operation,
  model: record.model, target: record.target ?? undefined, deployment_id: record.deploymentId ?? undefined, provider_id: record.providerId ?? undefined, model_version_id: record.modelVersionId ?? undefined,
  prompt_version_id: record.promptVersionId ?? undefined, prompt_messages: record.promptMessages, experiment_id: record.experimentId ?? undefined, arm: record.arm ?? undefined,
  sticky_key: stickyKey ?? undefined, metadata: metadata ?? undefined, status: record.status, error_code: record.errorCode ?? undefined, streamed: record.streamed, cached: record.cached,
  attempts: record.attempts, latency_ms: toMicros(record.latencyMs), first_token_ms: record.firstTokenMs === null ? undefined : toMicros(record.firstTokenMs),
  prompt_tokens: whole(record.promptTokens), completion_tokens: whole(record.completionTokens), cost: Number.isFinite(record.cost) ? record.cost : 0,
  cut: false, variables: undefined as unknown, request: undefined as unknown, answer: undefined as unknown, words: undefined as string | undefined,
});

/** Milliseconds as exact as microseconds: more digits take longer to write, and say nothing. */
const toMicros = (ms: number): number => Math.round(ms * 1000) / 1000;

/** Providers say how many tokens they counted, and may say anything. */
const whole = (count: number): number => (count > 0 ? Math.min(MAX_INT, Math.round(count)) : 0);

/** What Postgres' texts cannot hold: NUL, and halves of characters. They become U+FFFD. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** JSON.stringify writes NUL and lone surrogates as escapes, and whole pairs as they are. */
export const storable = (json: string): string => (json.includes('\\u') ? json.replace(UNSTORABLE, '$1\\ufffd') : json);

/** About how many bytes a call takes in memory: it is asked on the hot path, so that it looks at lengths only. */
export function sizeOf(record: CallRecord): number {
  const named = 1_500 + 2 * (record.model.length + (record.stickyKey === null ? 0 : record.stickyKey.length)) + (record.metadata === null ? 0 : weigh(record.metadata));
  if (record.request === null && record.answer === null && record.variables === null) return named;
  return named + weigh(record.request) + weigh(record.answer) + weigh(record.variables);
}

/** All of it, however deep and whatever comes first: callers say what is in it. */
function weigh(value: unknown): number {
  if (typeof value !== 'object' || value === null) return bytesOf(value);
  let sum = 64;
  const open: object[] = [value];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (Array.isArray(one)) {
      for (const each of one as unknown[]) {
        if (typeof each === 'object' && each !== null) open.push(each);
        else sum += bytesOf(each);
      }
    } else {
      for (const name in one) {
        const each = (one as Record<string, unknown>)[name];
        sum += 16 + name.length;
        if (typeof each === 'object' && each !== null) open.push(each);
        else sum += bytesOf(each);
      }
    }
    sum += 48;
  }
  return sum;
}

const bytesOf = (value: unknown): number => (typeof value === 'string' ? 24 + value.length * 2 : 8);
