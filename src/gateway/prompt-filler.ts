import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { parseReference } from '../common/references.js';
import { type Assignment, ExperimentService } from '../experiments/experiment.service.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ReadyPrompt } from '../prompts/ready-prompt.js';
import type { GatewayCall } from './gateway-call.js';
import { messagesRequest } from './protocols/anthropic-request.js';
import { withPrompt } from './protocols/messages-request.js';
import { type Json, textOf } from './protocols/protocol.js';
import type { PromptCall } from './request-checks.js';

/** A fetch without label or version means this one. */
const DEFAULT_LABEL = 'production';
type Rendered = readonly { role: string; content: string }[];
/** What Postgres' integer holds. */
const MAX_INT = 2_147_483_647;
/** Of a version's config, what is the gateway's to read, and what only a caller can say. */
const NOT_SENT = new Set(['model', 'prompt', 'messages', 'stream', 'stream_options', 'metadata', 'user']);
/** Two names of one thing: what the caller says stands for both. */
const SAME: readonly (readonly string[])[] = [['max_tokens', 'max_completion_tokens']];
/** Of a request in Anthropic's shape, what a prompt's config does not say. */
const NOT_OF_CONFIG = ['model', 'messages', 'system'];

/** Fills registered prompts into requests: their messages before the caller's, their config where the caller says nothing. */
@Injectable()
export class PromptFiller {
  constructor(
    private readonly prompts: PromptService,
    private readonly experiments: ExperimentService,
  ) {}

  /**
   * Sets the call's request; at once when the prompt is in memory.
   * @returns the model that the prompt's config names
   * @throws DomainError not_found; undefined_variable; bad_input for a prompt of another kind than the route takes.
   */
  fill(call: GatewayCall, prompt: PromptCall): string | null | Promise<string | null> {
    const ready = this.find(call, prompt);
    return ready instanceof Promise ? ready.then((found) => fillIn(call, found, prompt.variables)) : fillIn(call, ready, prompt.variables);
  }

  private find(call: GatewayCall, prompt: PromptCall): ReadyPrompt | Promise<ReadyPrompt> {
    const { name, version, label } = prompt.ref === undefined ? { name: prompt.name!, version: prompt.version ?? null, label: prompt.label ?? null } : readReference(prompt.ref);
    if (version !== null) return this.prompts.ready(call.ctx, name, { version });
    const named = label ?? DEFAULT_LABEL;
    const assigned = this.experiments.assign(call.ctx, { kind: 'prompt', name, label: named }, call.stickyKey);
    return assigned instanceof Promise ? assigned.then((assignment) => this.ready(call, name, named, assignment)) : this.ready(call, name, named, assigned);
  }

  private ready(call: GatewayCall, name: string, label: string, assignment: Assignment | null): ReadyPrompt | Promise<ReadyPrompt> {
    if (assignment?.promptVersion == null) return this.prompts.ready(call.ctx, name, { label });
    call.experiment = assignment;
    return this.prompts.ready(call.ctx, name, { version: assignment.promptVersion });
  }
}

function readReference(reference: string): { name: string; version: number | null; label: string | null } {
  const { name, version, alias } = parseReference(reference, 'prompts');
  return { name, version, label: alias };
}

function fillIn(call: GatewayCall, { version, render }: ReadyPrompt, variables: Json): string | null {
  const rendered = render(variables);
  call.promptVersionId = version.id;
  call.variables = variables;
  const { operation, body } = call;
  const isConversation = operation === 'chat' || operation === 'message';
  if (isConversation && version.type === 'image') throw wrongKind(version, 'chats', 'the images route');
  if (operation === 'completion' && version.type === 'image') throw wrongKind(version, 'texts', 'the images route');
  if (!isConversation && rendered.length !== 1) throw wrongKind(version, 'a single text', 'the chat route');
  call.promptMessages = rendered.length;
  call.request = requestWith(call, rendered, settingsOf(version.config, body));
  const { model } = version.config;
  return body['model'] == null && typeof model === 'string' ? model : null;
}

function settingsOf(config: Json, body: Json): Json {
  const left = new Set(SAME.filter((names) => names.some((name) => body[name] != null)).flat());
  return Object.fromEntries(Object.entries(config).filter(([name]) => !NOT_SENT.has(name) && !left.has(name)));
}

function requestWith(call: GatewayCall, rendered: Rendered, config: Json): Json {
  const { prompt: __, ...own } = call.body;
  if (call.operation === 'message') return messageWith(call, rendered, config);
  if (call.operation === 'chat') return { ...config, ...own, messages: [...rendered, ...((own['messages'] as unknown[] | undefined) ?? [])] };
  return { ...config, ...own, prompt: rendered[0]!.content };
}

/** A config is in OpenAI's words; here it is said in Anthropic's. */
function messageWith(call: GatewayCall, rendered: Rendered, config: Json): Json {
  const { body } = call;
  const translated = Object.entries(config).length === 0 ? {} : messagesRequest({ ...config, messages: [] }, textOf(body['model']));
  const settings = Object.fromEntries(Object.entries(translated).filter(([name]) => !NOT_OF_CONFIG.includes(name)));
  const request = { ...settings, ...withPrompt(body, rendered) };
  // Instructions stand before all turns: with both of both kinds, the prompt's are not the first messages any more, and none counts as the caller's own.
  const apart = body['system'] == null || rendered.every(({ role }) => role === 'system');
  if (!apart) call.promptMessages = MAX_INT;
  return request;
}

const wrongKind = (version: { name: string; type: string }, wanted: string, instead: string) =>
  new DomainError('bad_input', `Prompt ${JSON.stringify(version.name)} is of type ${version.type}, and this route takes ${wanted}. Use it with ${instead}.`, 'prompt');
