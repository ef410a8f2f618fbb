import { z } from 'zod';
import { DomainError } from '../common/errors.js';

/**
 * What the gateway itself reads of an OpenAI chat request; every other field is passed on as it is. `prompt` is an
 * extension: a registered prompt that the server renders, its messages going before those of the request.
 */
const chatRequest = z.looseObject({
  model: z.string().min(1).describe('`models:/name@alias`, `models:/name/3`, a deployment\'s name, or `<provider>/<model>`'),
  messages: z.array(z.looseObject({ role: z.string() })).optional(),
  stream: z.boolean().nullish(),
  prompt: z.strictObject({
    ref: z.string().optional(),
    name: z.string().optional(),
    label: z.string().optional(),
    version: z.int32().optional(),
    variables: z.record(z.string(), z.unknown()).default({}),
  }).describe('A registered prompt that the server renders; its messages go before those of the request').refine((prompt) => (prompt.ref === undefined) !== (prompt.name === undefined), { message: 'give either ref, or name with label or version' })
    .optional(),
}).refine((request) => (request.messages?.length ?? 0) > 0 || request.prompt !== undefined, { path: ['messages'], message: 'must hold at least one message, unless a prompt is given' });

export type ChatCompletionRequest = z.output<typeof chatRequest>;

/** For the description of the API: OpenAPI 3.1 speaks JSON Schema 2020-12. */
export const chatRequestSchema = z.toJSONSchema(chatRequest, { io: 'input' }) as object;

/** @throws DomainError bad_input naming the first field that is wrong. */
export function parseChatRequest(body: unknown): ChatCompletionRequest {
  const parsed = chatRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new DomainError('bad_input', `${path.join('.') || 'The body'}: ${message}`, path.join('.') || null);
}
