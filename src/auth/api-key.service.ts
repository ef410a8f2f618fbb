import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import { includesRole, type RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { generateApiKey, hashApiKey, prefixOf } from './api-key.js';
import { type ApiKeyListArgs, ApiKeyRepository, type NewApiKey } from './api-key.repository.js';
import type { ApiKeyEntity } from './auth.entity.js';

/** A key, and what opens it: readable in this answer only. */
export interface IssuedApiKey {
  apiKey: ApiKeyEntity;
  secret: string;
}

const MAX_OVERLAP_SECONDS = 30 * 86_400;

/** The keys of a project. */
@Injectable()
export class ApiKeyService {
  constructor(
    private readonly keys: ApiKeyRepository,
    private readonly database: Database,
  ) {}

  /** Also those that are revoked or expired. */
  list(ctx: RequestContext, args: ApiKeyListArgs): Promise<Page<ApiKeyEntity>> {
    return this.keys.list(ctx, args);
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<ApiKeyEntity> {
    const key = await this.keys.find(ctx, id);
    if (!key) throw notFound('API key', id);
    return key;
  }

  /** @throws DomainError bad_input; forbidden for a role above the caller's own. */
  async create(ctx: RequestContext, input: Pick<ApiKeyEntity, 'name' | 'role' | 'expiresAt'>): Promise<IssuedApiKey> {
    if (!includesRole(ctx.role, input.role)) {
      throw new DomainError('forbidden', `A caller with the role ${ctx.role} may not make a key with the role ${input.role}.`, 'role');
    }
    if (input.name.trim() === '' || input.name.length > 100) throw new DomainError('bad_input', 'A key needs a name of 1–100 characters.', 'name');
    if (input.expiresAt && input.expiresAt <= await this.keys.now(ctx)) throw new DomainError('bad_input', 'expiresAt is in the past.', 'expiresAt');
    return this.issue(ctx, input);
  }

  /**
   * Issues a key of the same name, role, limits and length of life; the old one stays valid for the overlap, at most.
   * @throws DomainError not_found; bad_input; forbidden; conflict when the key is revoked, expired or rotated already.
   */
  async rotate(ctx: RequestContext, id: string, overlapSeconds: number): Promise<IssuedApiKey> {
    if (overlapSeconds < 0 || overlapSeconds > MAX_OVERLAP_SECONDS) {
      throw new DomainError('bad_input', `overlapSeconds is a number of seconds from 0 to ${MAX_OVERLAP_SECONDS} (30 days).`, 'overlapSeconds');
    }
    return this.database.transaction(ctx, async (tx) => {
      const { name, role, platform, limits, createdAt, expiresAt } = await this.findManageable(tx, id);
      const life = expiresAt === null ? null : expiresAt.getTime() - createdAt.getTime();
      const issued = await this.issue(tx, { name, role, platform, limits, expiresAt: life === null ? null : new Date((await this.keys.now(tx)).getTime() + life) });
      if (!await this.keys.replace(tx, id, issued.apiKey.id, overlapSeconds)) {
        throw new DomainError('conflict', `The key ${id} is revoked, expired or rotated already; make another with createApiKey.`, 'id');
      }
      return issued;
    });
  }

  /** Every process refuses it within a second; its own caller included. @throws DomainError not_found; forbidden. */
  async revoke(ctx: RequestContext, id: string): Promise<ApiKeyEntity> {
    await this.findManageable(ctx, id);
    await this.keys.revoke(ctx, id);
    return this.find(ctx, id);
  }

  /** A platform key is managed by such keys only: whoever rotates a key holds the new one. */
  private async findManageable(ctx: RequestContext, id: string): Promise<ApiKeyEntity> {
    const key = await this.find(ctx, id);
    if (key.platform && !ctx.platform) throw new DomainError('forbidden', `${id} is a platform key; only a platform key may manage it.`, 'id');
    return key;
  }

  private async issue(ctx: RequestContext, key: Omit<NewApiKey, 'hash' | 'prefix' | 'createdBy'>): Promise<IssuedApiKey> {
    const secret = generateApiKey();
    const { name, role, platform, limits, expiresAt } = key;
    const apiKey = await this.keys.add(ctx, { name, role, platform: platform ?? false, limits: limits ?? null, expiresAt: expiresAt ?? null, hash: hashApiKey(secret), prefix: prefixOf(secret), createdBy: ctx.principal });
    return { apiKey, secret };
  }
}
