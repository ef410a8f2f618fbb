import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { realpath } from 'node:fs/promises';
import { Agent } from 'undici';
import { DomainError } from '../../common/errors.js';
import type { RequestContext } from '../../common/request-context.js';
import { CONFIG, type Config } from '../../config/config.js';
import type { ModelVersionEntity } from '../../models/model.entity.js';
import { ModelService } from '../../models/model.service.js';
import { callWhole, errorOf, type Upstream } from './upstream.js';

/** An entry of the runtime's /v1/models. `root` is the directory it was loaded from, `parent` an adapter's base. */
interface ServedModel {
  id: string;
  root?: string | null;
  parent?: string | null;
}

/** Puts registered versions into the runtimes under stable names: a version's id, or the name that a vLLM was started with. */
@Injectable()
export class ModelLoader implements OnModuleDestroy {
  private readonly dispatcher = new Agent({ connections: 256 });
  /** Version id → the name it is served under. Forgotten when the runtime says that it has no such model. */
  private readonly names = new Map<string, Promise<string>>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly models: ModelService,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await this.dispatcher.destroy();
  }

  /** The runtime that serves a version: reward models have one of their own, so that scoring does not hold up decoding. */
  runtimeOf(version: ModelVersionEntity): Upstream {
    const [url, variable] = version.kind === 'reward' ? [this.config.TRIAD_SCORER_URL, 'TRIAD_SCORER_URL'] : [this.config.TRIAD_RUNTIME_URL, 'TRIAD_RUNTIME_URL'];
    const message = `The inference runtime at ${url} does not answer. Start it with \`npm start\`, or set ${variable} to where it runs.`;
    return { dispatcher: this.dispatcher, url: url.replace(/\/+$/, ''), idleMs: this.config.TRIAD_STREAM_IDLE_MS, unreachable: { code: 'unavailable', message } };
  }

  /**
   * The name that the runtime serves the version under; loads it first when it is not there.
   * @throws DomainError unavailable, saying how to start a runtime that loads nothing while running.
   */
  nameOf(ctx: RequestContext, version: ModelVersionEntity): Promise<string> {
    const known = this.names.get(version.id);
    if (known) return known;
    const loading = this.load(ctx, version);
    this.names.set(version.id, loading);
    loading.catch(() => this.names.delete(version.id));
    return loading;
  }

  /**
   * The runtime does not know that name: it was started again, or has unloaded it. The next `nameOf` loads it anew, with
   * its base.
   * @param name what `nameOf` answered; when another caller has asked for it anew since, that load stands
   */
  forget(version: ModelVersionEntity, name: Promise<string>): void {
    if (this.names.get(version.id) !== name) return;
    this.names.delete(version.id);
    if (version.baseVersionId) this.names.delete(version.baseVersionId);
  }

  private async load(ctx: RequestContext, version: ModelVersionEntity): Promise<string> {
    const files = await this.models.filesOf(ctx, version);
    const runtime = this.runtimeOf(version);
    if (version.kind === 'adapter') {
      const base = await this.nameOf(ctx, await this.models.findVersionById(ctx, version.baseVersionId!));
      await this.post(runtime, '/v1/load_lora_adapter', { lora_name: version.id, lora_path: files.adapterPath!, base_model_name: base }, version);
      return version.id;
    }
    const path = version.kind === 'reward' ? files.rewardPath! : files.basePath;
    const served = await this.served(runtime, version, path);
    if (served) return served;
    await this.post(runtime, '/v1/load_model', { model_name: version.id, model_path: path, kind: version.kind === 'reward' ? 'reward' : 'generate' }, version);
    return version.id;
  }

  /** The name of a model that the runtime already has: by our id, by the model's name, or by its directory. */
  private async served(runtime: Upstream, version: ModelVersionEntity, path: string): Promise<string | undefined> {
    const { text } = await callWhole(runtime, '/v1/models');
    const { data } = JSON.parse(text) as { data: ServedModel[] };
    const real = await realpath(path).catch(() => path);
    const found = data.find(({ id }) => id === version.id)
      ?? data.find(({ id, root, parent }) => !parent && (id === version.name || root === path || root === real));
    return found?.id;
  }

  private async post(runtime: Upstream, route: string, body: Record<string, string>, version: ModelVersionEntity): Promise<void> {
    const { status, text } = await callWhole(runtime, route, body);
    const error = status === 200 ? null : errorOf(text);
    // vLLM refuses an adapter that it has; names are ids of immutable versions, so it is the same one.
    if (status === 200 || /already (been )?loaded/.test(error?.message ?? '')) return;
    const routeIsMissing = status === 404 && error?.code !== 'path_not_found' && error?.code !== 'model_not_found';
    throw new DomainError('unavailable', routeIsMissing ? howToStart(runtime, route, body, version)
      : `The runtime at ${runtime.url} could not load ${version.name}/${version.version}: ${error?.message ?? text.slice(0, 300)}`);
  }
}

function howToStart(runtime: Upstream, route: string, body: Record<string, string>, version: ModelVersionEntity): string {
  const what = `The runtime at ${runtime.url} has no route ${route}, and does not serve ${version.name}/${version.version}.`;
  return route === '/v1/load_model'
    ? `${what} Start vLLM with: vllm serve ${body['model_path']} --served-model-name ${version.id}`
    : `${what} Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, so that adapters can be loaded.`;
}
