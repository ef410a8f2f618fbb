import { Ajv } from 'ajv';
import { z } from 'zod';
import { DomainError } from '../common/errors.js';

/** Characters of a version's config as JSON. */
const MAX_CHARACTERS = 200_000;
const MAX_PROBLEMS = 5;

const ajv = new Ajv({ strict: false, logger: false });
/** A JSON Schema as far as draft 7 knows its words; which draft it names itself does not matter. */
const jsonSchema = z.record(z.string(), z.unknown()).superRefine((schema, check) => {
  const { $schema: _, ...words } = schema;
  if (ajv.validateSchema(words) !== true) {
    const [error] = ajv.errors ?? [];
    check.addIssue({ code: 'custom', message: `is no JSON Schema: ${error?.message ?? 'it cannot be read'}`, path: (error?.instancePath ?? '').split('/').filter(Boolean) });
  }
});

const functionName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1–64 of letters, digits, '_', '-'");
const tool = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('function'),
    function: z.looseObject({ name: functionName, description: z.string().optional(), parameters: jsonSchema.optional(), strict: z.boolean().nullish() }),
  }),
  z.looseObject({ type: z.literal('custom'), custom: z.looseObject({ name: functionName, description: z.string().optional() }) }),
]);
const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: functionName }) }),
  z.looseObject({ type: z.literal('custom'), custom: z.looseObject({ name: functionName }) }),
  z.looseObject({ type: z.literal('allowed_tools') }),
], "must be 'none', 'auto', 'required' or an object that names a tool, such as {type: 'function', function: {name}}");
const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({ name: functionName, description: z.string().optional(), schema: jsonSchema.optional(), strict: z.boolean().nullish() }),
  }),
]);
const count = z.int().min(1);
const penalty = z.number().min(-2).max(2);

/** What a version's config may hold, by OpenAI's names; others are kept as they are. */
const CONFIG = z.looseObject({
  model: z.string().min(1).max(300).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  n: count.max(128).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).min(1).max(16)], 'must be a text or 1–16 texts').nullish(),
  frequency_penalty: penalty.nullish(),
  presence_penalty: penalty.nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  reasoning_effort: z.string().nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  response_format: responseFormat.nullish(),
}).superRefine((config, check) => {
  const names = (config.tools ?? []).map((each) => (each.type === 'function' ? each.function.name : each.custom.name));
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) check.addIssue({ code: 'custom', message: `names the tool ${name}, as tools[${names.indexOf(name)}] does`, path: ['tools', index] });
  });
  const { tool_choice: choice } = config;
  const chosen = typeof choice !== 'object' || choice === null ? undefined : choice.type === 'function' ? choice.function : choice.type === 'custom' ? choice.custom : undefined;
  const name = (chosen as { name?: string } | undefined)?.name;
  if (name !== undefined && !names.includes(name)) check.addIssue({ code: 'custom', message: `names the tool ${name}, which tools does not hold`, path: ['tool_choice'] });
});

/**
 * Checks the settings of a version: what is known must be as OpenAI's API takes it, what is not is kept.
 * @throws DomainError bad_input naming the path of each thing that is wrong.
 */
export function checkConfig(config: Record<string, unknown>): void {
  if (JSON.stringify(config).length > MAX_CHARACTERS) {
    throw new DomainError('bad_input', `The config has more than ${MAX_CHARACTERS} characters as JSON. Keep data elsewhere.`, 'config');
  }
  const { error } = CONFIG.safeParse(config);
  if (!error) return;
  const problems = error.issues.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({ path: pathOf(path), message: lowerFirst(message) }));
  throw new DomainError('bad_input', `${problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}. Mend it, or leave it out.`, problems[0]!.path);
}

const lowerFirst = (text: string): string => text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());

/** `config.tools[0].function.name`. */
const pathOf = (path: PropertyKey[]): string =>
  path.reduce<string>((whole, key) => (/^\d+$/.test(String(key)) ? `${whole}[${String(key)}]` : `${whole}.${String(key)}`), 'config');
