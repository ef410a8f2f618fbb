import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import { DomainError } from '../common/errors.js';
import { outboundDispatcher } from '../common/outbound.js';
import { decryptSecret } from '../common/secrets.js';
import { CONFIG, type Config } from '../config/config.js';
import { placeOfKey, type ProviderEntity, type ProviderKind } from './deployment.entity.js';
import { keyHeaders } from './provider-headers.js';
import { callWhole, errorOf, type WholeAnswer } from './runtime/upstream.js';

const PATIENCE_MS = 10_000;
const MOST_MODELS = 100;
/** What each kind lists its models at, below the base URL. */
const PATHS: Record<ProviderKind, string> = { openai: '/models', anthropic: '/models', stable_diffusion_webui: '/sdapi/v1/sd-models' };

/** What came of one tiny call. */
export interface ProbeReport {
  ok: boolean;
  /** Null when no answer came. */
  status: number | null;
  latencyMs: number;
  /** What it says that it offers, sorted; 100 at most. */
  models: string[];
  /** What is wrong, and how to mend it. */
  message: string | null;
}

/** Asks a provider for its list of models: whether it is there, takes the key, and speaks what its kind says. */
@Injectable()
export class ProviderProbe implements OnModuleDestroy {
  private readonly dispatcher: Dispatcher;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.dispatcher = outboundDispatcher(config.TRIAD_ALLOW_PRIVATE_URLS);
  }

  async onModuleDestroy(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** Never throws for what the provider does. */
  async probe(provider: ProviderEntity): Promise<ProbeReport> {
    const started = performance.now();
    const report = (rest: Omit<ProbeReport, 'latencyMs'>) => ({ ...rest, latencyMs: Math.round(performance.now() - started) });
    try {
      return report(this.read(provider, await this.ask(provider)));
    } catch (error) {
      const message = error instanceof DomainError ? error.message : `It did not answer within ${PATIENCE_MS / 1000} seconds.`;
      return report({ ok: false, status: null, models: [], message });
    }
  }

  private ask(provider: ProviderEntity): Promise<WholeAnswer> {
    const key = provider.encryptedKey === null ? null : decryptSecret(this.config, placeOfKey(provider), provider.encryptedKey);
    return callWhole({
      dispatcher: this.dispatcher, url: provider.baseUrl, idleMs: PATIENCE_MS, firstByteMs: PATIENCE_MS,
      headers: { ...provider.headers, ...keyHeaders(provider.kind, key) },
      unreachable: { code: 'upstream_failed', message: `Nothing answers at ${provider.baseUrl}.` },
    }, PATHS[provider.kind], undefined, AbortSignal.timeout(PATIENCE_MS));
  }

  private read(provider: ProviderEntity, { status, text }: WholeAnswer): Omit<ProbeReport, 'latencyMs'> {
    if (status === 401 || status === 403) {
      const message = provider.encryptedKey === null ? 'It wants a key, and none is stored.' : 'It refused the key stored for it.'; // its own words may hold part of the key
      return { ok: false, status, models: [], message };
    }
    const models = status === 200 ? namesIn(text) : null;
    if (models) return { ok: true, status, models, message: null };
    const said = errorOf(text)?.message ?? text.slice(0, 200);
    return { ok: false, status, models: [], message: `It gave no list of models at ${PATHS[provider.kind]}; check baseUrl and kind. It said: ${said}` };
  }
}

/** Of OpenAI's list, Anthropic's, or the web UI's. */
function namesIn(text: string): string[] | null {
  try {
    const body = JSON.parse(text) as { data?: unknown } | unknown[];
    const list = Array.isArray(body) ? body : body.data;
    if (!Array.isArray(list)) return null;
    const names = (list as ({ id?: unknown; model_name?: unknown } | null)[]).map((each) => each?.id ?? each?.model_name);
    return names.filter((name): name is string => typeof name === 'string').sort().slice(0, MOST_MODELS);
  } catch {
    return null;
  }
}
