import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { generateApiKey, hashApiKey, prefixOf } from './api-key.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { AuthService } from './auth.service.js';
import { ProjectRepository } from './project.repository.js';

const PROJECT = 'default';
const NAME = 'bootstrap';

/** The first key, with which all others are made: the operator's own, or one that the first start makes. */
@Injectable()
export class BootstrapService implements OnApplicationBootstrap {
  constructor(
    private readonly auth: AuthService,
    private readonly keys: ApiKeyRepository,
    private readonly projects: ProjectRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** A key that was there before stays as it is, even if it is revoked or its project has another name by now. */
  async onApplicationBootstrap(): Promise<void> {
    const key = this.config.TRIAD_BOOTSTRAP_KEY;
    if (key && !await this.keys.existsByHash(hashApiKey(key))) await this.auth.addKey(PROJECT, NAME, key, true);
  }

  /** Makes a key when there is none yet and no operator gave one. @returns it to one of the processes that ask, once. */
  async firstKey(): Promise<string | null> {
    if (this.config.TRIAD_BOOTSTRAP_KEY) return null;
    const key = generateApiKey();
    return this.projects.transaction(async (tx) => {
      if (!await this.keys.noneYet(tx)) return null;
      const project = await this.projects.ensure(tx, PROJECT);
      await this.keys.addAsPlatform(tx, project.id, { name: NAME, hash: hashApiKey(key), prefix: prefixOf(key), role: 'admin', platform: true });
      return key;
    });
  }
}
