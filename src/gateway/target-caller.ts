import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import type { CancelSignal } from '../common/cancellation.js';
import { DomainError } from '../common/errors.js';
import { outboundDispatcher } from '../common/outbound.js';
import { decryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { placeOfKey, type ProviderEntity } from '../deployments/deployment.entity.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import { call, isStreamed, type StreamedAnswer, type Upstream, type UpstreamAnswer } from '../deployments/runtime/upstream.js';
import type { Target } from '../deployments/target.service.js';
import { Dialogue } from './dialogue.js';
import type { GatewayCall } from './gateway-call.js';
import { protocolOf } from './protocols/protocol-of.js';

/** What a target answered, and how to read it. */
export interface TargetAnswer {
  answer: UpstreamAnswer;
  dialogue: Dialogue;
}

/** Asks a target: a provider outside, or a registered model in its runtime. */
@Injectable()
export class TargetCaller implements OnModuleDestroy {
  private readonly dispatcher: Dispatcher;
  /** Prepared once for each provider that is remembered: its key is decrypted then. */
  private readonly upstreams = new WeakMap<ProviderEntity, Upstream>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly runtime: RuntimeService,
  ) {
    this.dispatcher = outboundDispatcher(config.TRIAD_ALLOW_PRIVATE_URLS);
  }

  async onModuleDestroy(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /**
   * @param idleMs longest silence within the answer; null: the installation's
   * @returns the answer when it is whole, a refusal included; a stream when its first bytes are here
   * @throws DomainError bad_input for what the target cannot do, or when no answer comes; the signal's reason.
   */
  async ask(gatewayCall: GatewayCall, target: Target, idleMs: number | null, signal: CancelSignal): Promise<TargetAnswer> {
    const dialogue = new Dialogue(gatewayCall.operation, target.kind === 'provider' ? target.provider.kind : 'openai');
    const { path, body } = dialogue.request(gatewayCall.request, target.kind === 'provider' ? target.model : '');
    const answer = target.kind === 'registry' ? await this.runtime.relay(gatewayCall.ctx, target.version, `/v1${path}`, body, signal)
      : await call(this.upstreamOf(target.provider, gatewayCall, idleMs), path, JSON.stringify(body), signal);
    if (isStreamed(answer)) await this.begun(gatewayCall, answer);
    return { answer, dialogue };
  }

  /** @throws DomainError upstream_failed for a stream that nobody asked for. */
  private async begun({ request }: GatewayCall, { stream }: StreamedAnswer): Promise<void> {
    if (request['stream'] === true) return stream.begun();
    stream.abort();
    throw new DomainError('upstream_failed', 'The model answered with a stream where none was asked for.');
  }

  private upstreamOf(provider: ProviderEntity, { headers: { passedOn } }: GatewayCall, idleMs: number | null): Upstream {
    let upstream = this.upstreams.get(provider);
    if (!upstream) this.upstreams.set(provider, upstream = this.prepare(provider));
    if (idleMs === null && !passedOn) return upstream;
    return { ...upstream, ...(idleMs !== null && { idleMs }), ...(passedOn && provider.kind === 'anthropic' && { headers: { ...upstream.headers, ...passedOn } }) };
  }

  private prepare(provider: ProviderEntity): Upstream {
    const key = provider.encryptedKey && decryptSecret(this.config, placeOfKey(provider), provider.encryptedKey);
    return {
      dispatcher: this.dispatcher,
      url: provider.baseUrl,
      idleMs: this.config.TRIAD_STREAM_IDLE_MS,
      headers: { ...provider.headers, ...protocolOf(provider.kind).headers(key) },
      unreachable: { code: 'upstream_failed', message: `Provider ${JSON.stringify(provider.name)} at ${provider.baseUrl} does not answer.` },
    };
  }
}
