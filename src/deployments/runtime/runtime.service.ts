import { Injectable } from '@nestjs/common';
import type { CancelSignal } from '../../common/cancellation.js';
import { DomainError } from '../../common/errors.js';
import type { RequestContext } from '../../common/request-context.js';
import type { ModelVersionEntity } from '../../models/model.entity.js';
import type { ChatMessage, ChatRequest, ChatResponse } from './chat.types.js';
import { ModelLoader } from './model-loader.js';
import { call, errorOf, isStreamed, type UpstreamAnswer, type WholeAnswer } from './upstream.js';

/** Answers and scores of registered models, from runtimes that speak vLLM's routes. How many calls run at once is the caller's. */
@Injectable()
export class RuntimeService {
  constructor(private readonly loader: ModelLoader) {}

  /** Has the runtime load a version now, so that the first answer need not wait for it. */
  async load(ctx: RequestContext, version: ModelVersionEntity): Promise<void> {
    await this.loader.nameOf(ctx, version);
  }

  /**
   * One chat completion.
   * @throws DomainError bad_input when the runtime refuses the request, unavailable or upstream_failed when it cannot answer.
   */
  async chat(ctx: RequestContext, version: ModelVersionEntity, request: ChatRequest, signal?: AbortSignal): Promise<ChatResponse> {
    return readJson(await this.relay(ctx, version, '/v1/chat/completions', { ...request, stream: false }, signal));
  }

  /**
   * The runtime's answer to a request of one of OpenAI's routes, a refusal included.
   * @param body its `model` is set here
   */
  relay(ctx: RequestContext, version: ModelVersionEntity, route: string, body: object, signal?: CancelSignal): Promise<UpstreamAnswer> {
    if (version.kind === 'reward') {
      throw new DomainError('bad_input', `${version.name}/${version.version} is a reward model and does not chat; score answers with scoreAnswers.`, 'model');
    }
    return this.ask(ctx, version, route, body, signal);
  }

  /**
   * Raw rewards (no sigmoid), one per conversation, in order. Each is a request of its own: the runtime batches them.
   * @throws DomainError as `chat`; bad_input for a version that is no reward model.
   */
  async classify(ctx: RequestContext, version: ModelVersionEntity, conversations: ChatMessage[][], signal?: AbortSignal): Promise<number[]> {
    if (version.kind !== 'reward') {
      throw new DomainError('bad_input', `${version.name}/${version.version} is of kind ${version.kind}; only reward models score.`, 'rewardModel');
    }
    return Promise.all(conversations.map(async (messages) => {
      const answer = await this.ask(ctx, version, '/classify', { messages, use_activation: false }, signal);
      const { data } = readJson<{ data: { probs: number[] }[] }>(answer);
      return data[0]!.probs[0]!;
    }));
  }

  /** Sends under the served name; a runtime that was started again has lost the model and gets it once more. */
  private async ask(ctx: RequestContext, version: ModelVersionEntity, route: string, body: object, signal?: CancelSignal): Promise<UpstreamAnswer> {
    const runtime = this.loader.runtimeOf(version);
    const send = async (name: Promise<string>) => call(runtime, route, { ...body, model: await name }, signal);
    const name = this.loader.nameOf(ctx, version);
    const answer = await send(name);
    if (answer.status !== 404) return answer;
    this.loader.forget(version, name);
    return send(this.loader.nameOf(ctx, version));
  }
}

function readJson<T = ChatResponse>(answer: UpstreamAnswer): T {
  if (isStreamed(answer)) {
    answer.stream.abort();
    throw new DomainError('upstream_failed', 'The runtime answered with a stream where none was asked for.');
  }
  const { text, status } = answer satisfies WholeAnswer;
  if (status === 200) return JSON.parse(text) as T;
  const message = `The runtime refused: ${errorOf(text)?.message ?? text.slice(0, 300)}`;
  if (status === 400) throw new DomainError('bad_input', message);
  throw new DomainError(status === 503 ? 'unavailable' : 'upstream_failed', message);
}
