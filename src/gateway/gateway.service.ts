import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { isStreamed, type StreamedAnswer, type UpstreamAnswer, type WholeAnswer } from '../deployments/runtime/upstream.js';
import { PromptService } from '../prompts/prompt.service.js';
import type { ReadyPrompt } from '../prompts/ready-prompt.js';
import { CallAccount } from './call-account.js';
import { type ChatCompletionRequest, parseChatRequest } from './chat-request.js';
import { StreamTokens, tokensOf } from './chat-usage.js';
import { EventRelay, type StreamEnd } from './event-relay.js';
import type { GatewayCall } from './gateway-call.js';
import { PlanService } from './plan.service.js';
import { relayRefusal } from './refusal.js';
import { TargetCaller } from './target-caller.js';

/** An answer ready to be sent: in one piece, or written as it comes. */
export type GatewayAnswer =
  | { status: number; headers: Record<string, string>; body: string }
  | { status: 200; headers: Record<string, string>; pipe: (out: ServerResponse) => void };

const NO_HEADERS: Record<string, string> = {};

type PromptOfCall = NonNullable<ChatCompletionRequest['prompt']>;

/** The OpenAI-compatible edge: finds what a model name stands for, asks it, and passes its answer on. */
@Injectable()
export class GatewayService {
  constructor(
    private readonly plans: PlanService,
    private readonly prompts: PromptService,
    private readonly caller: TargetCaller,
    private readonly account: CallAccount,
  ) {}

  /**
   * Answers a call; it is accounted for when its answer has ended, however it does.
   * @throws DomainError bad_input, model_not_found, not_found or undefined_variable for a prompt; upstream_failed or
   *   unavailable when what answers cannot be reached; the reason of `call.gone` when the client left.
   */
  async answer(call: GatewayCall): Promise<GatewayAnswer> {
    try {
      const request = parseChatRequest(call.body);
      const plan = this.plans.of(call.ctx, request.model);
      const { deployment, target } = plan instanceof Promise ? await plan : plan;
      call.deploymentId = deployment?.id ?? null;
      const preparing = this.prepare(call, request);
      if (preparing) await preparing;
      call.target = target;
      call.attempts = 1;
      return this.pass(call, await this.caller.ask(call.ctx, target, call.operation, call.request, call.gone));
    } catch (error) {
      this.account.fail(call, error);
      throw error;
    }
  }

  /** The request as it is sent on: with its prompt's messages before its own. */
  private prepare(call: GatewayCall, { model: _, prompt, ...request }: ChatCompletionRequest): Promise<void> | undefined {
    call.request = request;
    return prompt && this.render(call, prompt, request);
  }

  /** At once when the prompt is remembered. */
  private render(call: GatewayCall, prompt: PromptOfCall, request: Record<string, unknown>): Promise<void> | undefined {
    const ready = prompt.ref !== undefined ? this.prompts.readyRef(call.ctx, prompt.ref)
      : this.prompts.ready(call.ctx, prompt.name!, { version: prompt.version ?? null, label: prompt.label ?? null });
    if (ready instanceof Promise) return ready.then((found) => this.fill(call, found, prompt, request));
    this.fill(call, ready, prompt, request);
  }

  private fill(call: GatewayCall, ready: ReadyPrompt, prompt: PromptOfCall, request: Record<string, unknown>): void {
    const rendered = ready.render(prompt.variables);
    call.promptVersionId = ready.version.id;
    call.promptMessages = rendered.length;
    call.variables = prompt.variables;
    call.request = { ...request, messages: [...rendered, ...((request['messages'] as unknown[] | undefined) ?? [])] };
  }

  private pass(call: GatewayCall, answer: UpstreamAnswer): GatewayAnswer {
    if (isStreamed(answer)) return this.stream(call, answer);
    if (answer.status !== 200) return this.refuse(call, answer);
    call.tokens = tokensOf(answer.text, call.request['messages']);
    this.account.end(call, { status: 200, errorCode: null, streamed: false, answer: null });
    return { status: 200, headers: NO_HEADERS, body: answer.text };
  }

  private refuse(call: GatewayCall, answer: WholeAnswer): GatewayAnswer {
    const refusal = relayRefusal(answer, call.target?.kind === 'provider' ? call.target.provider.name : null);
    this.account.end(call, { status: refusal.status, errorCode: 'upstream_refused', streamed: false, answer: null });
    return refusal;
  }

  private stream(call: GatewayCall, { stream }: StreamedAnswer): GatewayAnswer {
    const counted = new StreamTokens(call.request['messages']);
    const watcher = {
      see: (events: string, count: number) => {
        call.firstTokenMs ??= performance.now() - call.startedAt;
        counted.see(events, count);
      },
      ended: (how: StreamEnd) => {
        call.tokens = counted.tokens;
        const [status, errorCode] = how === 'done' ? [200, null] : how === 'left' ? [499, 'client_left'] : [200, 'upstream_failed'];
        this.account.end(call, { status, errorCode, streamed: true, answer: null });
      },
    };
    return { status: 200, headers: NO_HEADERS, pipe: (out) => stream.start(new EventRelay(out, stream, watcher)) };
  }
}
