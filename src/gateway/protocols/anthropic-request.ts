import { isObject } from '../../common/is-object.js';
import { conversationOf } from './anthropic-messages.js';
import { closed, toolsOf } from './anthropic-tools.js';
import { invalid, type Json, unsupported } from './protocol.js';

/** Anthropic wants a bound; of models that are still served each allows as much. */
const MAX_TOKENS = 16_384;
/** Of models from before adaptive thinking: what an effort may use, and the room beside it. */
const BUDGETS: Record<string, number> = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, xhigh: 24_576, max: 32_000 };
const THINKS_BY_BUDGET = /^claude-(3-|[a-z]+-4(-[015])?(-20\d{6}|-latest)?$)/;
const EFFORTS: Record<string, string> = { minimal: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'max' };

const isNeutral = (neutral: unknown[]) => (value: unknown) => neutral.includes(value);
const isEmpty = (value: unknown) => isObject(value) && Object.keys(value).length === 0;

/** What changes an answer and has no counterpart, with the values at which it changes nothing. */
const IMPOSSIBLE: Record<string, (value: unknown) => boolean> = {
  n: isNeutral([1]),
  logprobs: isNeutral([false]),
  top_logprobs: isNeutral([0]),
  logit_bias: isEmpty,
  frequency_penalty: isNeutral([0]),
  presence_penalty: isNeutral([0]),
  modalities: (value) => JSON.stringify(value) === '["text"]',
  audio: () => false,
  functions: (value) => Array.isArray(value) && value.length === 0,
  function_call: () => false,
  web_search_options: () => false,
  moderation: () => false,
  verbosity: isNeutral(['medium']),
  service_tier: isNeutral(['auto', 'default', 'standard_only']),
};

/** What says nothing about the answer, and what is told in another way below. */
const LEFT_OUT = new Set([
  'model', 'messages', 'stream_options', 'store', 'seed', 'metadata', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'prediction',
  'max_tokens', 'max_completion_tokens', 'stop', 'temperature', 'reasoning_effort', 'response_format', 'tools', 'tool_choice', 'parallel_tool_calls', 'service_tier',
]);

/**
 * OpenAI's chat request as Anthropic's Messages request. What neither of the two knows is passed on, so that Anthropic's own
 * fields (`thinking`, `top_k`, …) may be given, and anything else is refused there.
 * @throws DomainError bad_input naming what Anthropic cannot do.
 */
export function messagesRequest(body: Json, model: string): Json {
  for (const [name, changesNothing] of Object.entries(IMPOSSIBLE)) {
    if (body[name] != null && !changesNothing(body[name])) {
      throw unsupported(name, `Anthropic's models do not offer ${name}${Array.isArray(body[name]) || isObject(body[name]) ? '' : ` ${JSON.stringify(body[name])}`}. Leave it out, or ask a model of another provider.`);
    }
  }
  const own = Object.fromEntries(Object.entries(body).filter(([name, value]) => value != null && !LEFT_OUT.has(name) && !(name in IMPOSSIBLE)));
  const { system, messages } = conversationOf(Array.isArray(body['messages']) ? body['messages'] : []);
  const thinking = thinkingOf(body, model);
  const user = userOf(body);
  return {
    ...own,
    model,
    max_tokens: body['max_completion_tokens'] ?? body['max_tokens'] ?? MAX_TOKENS + (thinking.budget ?? 0),
    ...(system.length > 0 && { system }),
    messages,
    ...(body['stop'] != null && { stop_sequences: Array.isArray(body['stop']) ? body['stop'] : [body['stop']] }),
    ...(typeof body['temperature'] === 'number' && { temperature: Math.min(body['temperature'], 1) }),
    ...(user !== null && { metadata: { user_id: user } }),
    ...(body['service_tier'] === 'standard_only' && { service_tier: 'standard_only' }),
    ...toolsOf(body),
    ...thinking.fields,
    ...outputConfig(body, thinking.effort),
  };
}

function userOf({ metadata, safety_identifier, user }: Json): string | null {
  const named = isObject(metadata) ? metadata['user_id'] : undefined;
  return [named, safety_identifier, user].find((value): value is string => typeof value === 'string' && value !== '') ?? null;
}

interface Thinking {
  fields: Json;
  effort?: string;
  budget?: number;
}

/** `reasoning_effort`; a `thinking` of the request, which is Anthropic's own, goes before it. */
function thinkingOf({ reasoning_effort: effort, thinking }: Json, model: string): Thinking {
  if (effort == null) return { fields: {} };
  if (effort === 'none') return { fields: { thinking: { type: 'disabled' } } };
  const known = typeof effort === 'string' ? EFFORTS[effort] : undefined;
  if (known === undefined) throw invalid('reasoning_effort', `reasoning_effort must be one of none, ${Object.keys(EFFORTS).join(', ')}.`);
  if (thinking != null) return { fields: {}, effort: known };
  if (!THINKS_BY_BUDGET.test(model)) return { fields: { thinking: { type: 'adaptive' } }, effort: known };
  const budget = BUDGETS[effort as string]!;
  return { fields: { thinking: { type: 'enabled', budget_tokens: budget } }, budget };
}

function outputConfig({ response_format: wanted, output_config: given }: Json, effort: string | undefined): Json {
  const config = { ...(effort !== undefined && { effort }), ...formatOf(wanted), ...(isObject(given) ? given : {}) };
  return Object.keys(config).length > 0 ? { output_config: config } : {};
}

function formatOf(wanted: unknown): Json {
  const { type, json_schema: named } = isObject(wanted) ? wanted : {};
  if (wanted == null || type === 'text' || type === 'json_object') return {};
  const schema = isObject(named) ? named['schema'] : null;
  if (type !== 'json_schema' || !isObject(schema)) throw invalid('response_format', 'response_format must be of type text, json_object or json_schema, the last with a schema.');
  return { format: { type: 'json_schema', schema: closed(schema) } };
}
