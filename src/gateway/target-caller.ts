import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import type { Operation } from '../calls/call-record.js';
import { outboundDispatcher } from '../common/outbound.js';
import type { RequestContext } from '../common/request-context.js';
import { decryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { placeOfKey, type ProviderEntity } from '../deployments/deployment.entity.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import { type Abortable, call, type Upstream, type UpstreamAnswer } from '../deployments/runtime/upstream.js';
import type { Target } from '../deployments/target.service.js';

/** OpenAI's paths, below a base URL that ends in `/v1`. */
export const PATHS: Record<Operation, string> = {
  chat: '/chat/completions', message: '/chat/completions', completion: '/completions', embedding: '/embeddings', image: '/images/generations',
};

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
   * @param body its `model` is set here
   * @returns the answer as it comes, a refusal included
   * @throws DomainError when no answer comes; the signal's reason.
   */
  ask(ctx: RequestContext, target: Target, operation: Operation, body: object, signal: Abortable): Promise<UpstreamAnswer> {
    if (target.kind === 'registry') return this.runtime.relay(ctx, target.version, `/v1${PATHS[operation]}`, body, signal);
    return call(this.upstreamOf(target.provider), PATHS[operation], JSON.stringify({ ...body, model: target.model }), signal);
  }

  private upstreamOf(provider: ProviderEntity): Upstream {
    let upstream = this.upstreams.get(provider);
    if (!upstream) {
      const key = provider.encryptedKey && decryptSecret(this.config, placeOfKey(provider), provider.encryptedKey);
      this.upstreams.set(provider, upstream = {
        dispatcher: this.dispatcher,
        url: provider.baseUrl,
        idleMs: this.config.TRIAD_STREAM_IDLE_MS,
        headers: key ? { authorization: `Bearer ${key}` } : {},
        unreachable: { code: 'upstream_failed', message: `Provider ${JSON.stringify(provider.name)} at ${provider.baseUrl} does not answer.` },
      });
    }
    return upstream;
  }
}
