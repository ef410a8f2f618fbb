import { z } from 'zod';
import { DomainError } from '../common/errors.js';
import type { ChatTemplate, PromptEntity, PromptVersionEntity } from './prompt.entity.js';
import type { NewPromptVersion } from './prompt.service.js';
import { ChatRoleEnum, PromptTypeEnum } from './prompt.types.js';

/** Langfuse's clients give each message a type; here there is one. */
const message = z.object({ role: z.enum(ChatRoleEnum), content: z.string(), type: z.literal('chatmessage').optional() });
const CREATE = z.strictObject({
  name: z.string(),
  type: z.enum(PromptTypeEnum).default('text'),
  prompt: z.union([z.string(), z.array(message).min(1)], 'must be a text, or for a chat prompt a list of messages with role and content'),
  config: z.record(z.string(), z.unknown()).nullish(),
  labels: z.array(z.string()).nullish(),
  tags: z.array(z.string()).nullish(),
  commitMessage: z.string().nullish(),
});

/** A new version as Langfuse's clients send it. @throws DomainError bad_input naming what is wrong. */
export function newVersionOf(body: unknown): NewPromptVersion {
  const { data, error } = CREATE.safeParse(body);
  if (!data) {
    const { path, message: why } = error.issues[0]!;
    const at = path.map(String).join('.');
    throw new DomainError('bad_input', `The body is not a new version of a prompt${at && ` at ${at}`}: ${why}. Send name, prompt, and perhaps type, config, labels, tags, commitMessage.`, at || null);
  }
  const { prompt, ...given } = data;
  if ((typeof prompt === 'string') === (given.type === 'chat')) {
    throw new DomainError('bad_input', given.type === 'chat' ? 'A chat prompt is a list of messages with role and content.' : `A prompt of type ${given.type} is a text. Give type "chat" for a list of messages.`, 'prompt');
  }
  const messages: ChatTemplate[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt.map(({ role, content }) => ({ role, content }));
  return { ...given, messages };
}

/** A version by Langfuse's names. */
export function versionObject(version: PromptVersionEntity, prompt: PromptEntity, labels: string[]) {
  const { id, name, type, messages, config, version: number, commitMessage, createdBy, createdAt } = version;
  return {
    id, name, type, prompt: type === 'chat' ? messages : messages[0]!.content, config, version: number, labels,
    tags: [...new Set([...prompt.tags, ...version.tags])].sort(), commitMessage, createdBy, createdAt: createdAt.toISOString(),
  };
}

export function promptObject({ id, name, type, description, tags, latestVersion, createdAt, archivedAt }: PromptEntity, labels: string[]) {
  return { id, name, type, description, tags, labels, latestVersion, createdAt: createdAt.toISOString(), archivedAt: archivedAt?.toISOString() ?? null };
}
