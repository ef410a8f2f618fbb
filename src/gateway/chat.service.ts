import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { outboundDispatcher } from '../common/outbound.js';
import type { RequestContext } from '../common/request-context.js';
import { decryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { AdmissionService } from '../limits/admission.service.js';
import type { Reservation } from '../limits/buckets.js';
import { countGatewayUse } from '../observability/gateway-use.js';
import { PromptService } from '../prompts/prompt.service.js';
import { placeOfKey, type ProviderEntity } from '../deployments/deployment.entity.js';
import type { ChatMessage, ChatRequest } from '../deployments/runtime/chat.types.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import { call, type UpstreamAnswer, wholeText } from '../deployments/runtime/upstream.js';
import { type ChatCompletionRequest, parseChatRequest } from './chat-request.js';
import { costOf, NO_TOKENS, StreamTokens, type Tokens, tokensOf } from './chat-usage.js';
import { type ChatAnswer, relayEvents, relayRefusal } from './relay.js';
import { type Target, TargetService } from '../deployments/target.service.js';

/** The OpenAI-compatible edge: finds what a model name stands for and passes the request on. */
@Injectable()
export class ChatService implements OnModuleDestroy {
  private readonly logger = new Logger(ChatService.name);
  private readonly dispatcher: Dispatcher;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly targets: TargetService,
    private readonly runtime: RuntimeService,
    private readonly prompts: PromptService,
    private readonly admission: AdmissionService,
  ) {
    this.dispatcher = outboundDispatcher(config.TRIAD_ALLOW_PRIVATE_URLS);
  }

  async onModuleDestroy(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /**
   * @param body OpenAI's chat request
   * @param signal fires when the client has gone; the upstream request is then cancelled
   * @param reservation what the request holds of limits; given back when the answer has ended
   * @throws DomainError model_not_found, bad_input, undefined_variable, unavailable, upstream_failed.
   */
  async complete(ctx: RequestContext, body: object, signal: AbortSignal, reservation?: Reservation): Promise<ChatAnswer> {
    const started = performance.now();
    let settle = (_: Tokens) => this.admission.settle(ctx, reservation, { ...NO_TOKENS, cost: 0 });
    try {
      const { model, prompt, messages, ...rest } = parseChatRequest(body);
      const target = await this.targets.resolve(ctx, model);
      const rendered = prompt ? await this.render(ctx, prompt) : [];
      const upstreamRequest: ChatRequest = { ...rest, messages: [...rendered, ...(messages ?? [])] as ChatMessage[] } as ChatRequest;
      settle = (tokens) => this.settle(ctx, reservation, target, tokens, started);
      const answer = target.kind === 'registry'
        ? await this.runtime.stream(ctx, target.version, upstreamRequest, signal)
        : await this.callProvider(target.provider, { ...upstreamRequest, model: target.model }, signal);
      return await toChatAnswer(answer, target.kind === 'provider' ? target.provider.name : null, upstreamRequest.messages, settle);
    } catch (error) {
      settle(NO_TOKENS);
      throw error;
    }
  }

  /** Never throws: it is called from events of streams, where an error would end the process. */
  private settle(ctx: RequestContext, reservation: Reservation | undefined, target: Target, tokens: Tokens, started: number): void {
    try {
      const use = { ...tokens, cost: this.costOf(target, tokens, started) };
      countGatewayUse({ ...labelsOf(target), ...use });
      this.admission.settle(ctx, reservation, use);
    } catch (error) {
      this.logger.error(`What a completion used is not counted: ${String(error)}`);
    }
  }

  private costOf(target: Target, tokens: Tokens, started: number): number {
    const used = tokens.promptTokens + tokens.completionTokens > 0;
    return used ? costOf(target, tokens, (performance.now() - started) / 1000, this.config.TRIAD_COMPUTE_PRICE_PER_HOUR) : 0;
  }

  private async render(ctx: RequestContext, prompt: NonNullable<ChatCompletionRequest['prompt']>): Promise<ChatMessage[]> {
    const ready = prompt.ref !== undefined ? await this.prompts.readyRef(ctx, prompt.ref)
      : await this.prompts.ready(ctx, prompt.name!, { version: prompt.version ?? null, label: prompt.label ?? null });
    return ready.render(prompt.variables);
  }

  private callProvider(provider: ProviderEntity, request: object, signal: AbortSignal): Promise<UpstreamAnswer> {
    const key = provider.encryptedKey && decryptSecret(this.config, placeOfKey(provider), provider.encryptedKey);
    return call({
      dispatcher: this.dispatcher,
      url: provider.baseUrl,
      idleMs: this.config.TRIAD_STREAM_IDLE_MS,
      headers: key ? { authorization: `Bearer ${key}` } : {},
      unreachable: { code: 'upstream_failed', message: `Provider ${JSON.stringify(provider.name)} at ${provider.baseUrl} does not answer.` },
    }, '/chat/completions', request, signal);
  }
}

const labelsOf = (target: Target) => (target.kind === 'provider' ? { provider: target.provider.name, model: target.model }
  : { provider: 'registry', model: `${target.version.name}/${target.version.version}` });

/** @param settle is told once what the answer used, when it has ended */
async function toChatAnswer(answer: UpstreamAnswer, provider: string | null, messages: ChatMessage[], settle: (tokens: Tokens) => void): Promise<ChatAnswer> {
  const type = answer.headers['content-type'] ?? '';
  if (answer.status !== 200) {
    const refused = await relayRefusal(answer, provider);
    settle(NO_TOKENS);
    return refused;
  }
  if (!type.startsWith('text/event-stream')) {
    const body = await wholeText(answer);
    settle(tokensOf(body, messages));
    return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
  }
  // A proxy that gathers a stream before it sends it would undo streaming.
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };
  const counted = new StreamTokens(messages);
  const body = Readable.from(relayEvents(answer.body, (events, count) => counted.see(events, count)));
  // Also when the client left before the first event.
  body.once('close', () => settle(counted.tokens));
  return { status: 200, headers, body };
}
