import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { generateApiKey, hashApiKey, prefixOf } from './api-key.js';
import type { ApiKeyEntity, ProjectEntity } from './auth.entity.js';
import { type ProjectListArgs, ProjectRepository } from './project.repository.js';

/** Without `_`, which every id has: a claim or header may name a project by either. */
const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/** The tenants. Their names are one namespace, so that only the platform's keys may make, name and list them. */
@Injectable()
export class ProjectService {
  constructor(
    private readonly projects: ProjectRepository,
    private readonly keys: ApiKeyRepository,
  ) {}

  /** The caller's own. */
  current(ctx: RequestContext): Promise<ProjectEntity> {
    return this.projects.current(ctx);
  }

  list(_ctx: RequestContext, args: ProjectListArgs): Promise<Page<ProjectEntity>> {
    return this.projects.list(args);
  }

  /**
   * Makes a project and its first admin key, whose secret is readable in this answer only.
   * @throws DomainError bad_input; conflict when the name is taken.
   */
  async create(ctx: RequestContext, name: string): Promise<{ project: ProjectEntity; apiKey: ApiKeyEntity; secret: string }> {
    checkName(name);
    const secret = generateApiKey();
    return this.projects.transaction(async (tx) => {
      const project = await this.projects.add(tx, name);
      if (!project) throw taken(name);
      const first = { name: 'first admin', hash: hashApiKey(secret), prefix: prefixOf(secret), role: 'admin', createdBy: ctx.principal } as const;
      return { project, apiKey: (await this.keys.addAsPlatform(tx, project.id, first))!, secret };
    }, ctx);
  }

  /** @throws DomainError not_found; bad_input; conflict when the name is taken. */
  async rename(ctx: RequestContext, id: string, name: string): Promise<ProjectEntity> {
    checkName(name);
    return this.projects.transaction(async (tx) => {
      const project = await this.projects.find(tx, id);
      if (!project) throw notFound('project', id);
      if (!await this.projects.rename(tx, id, name)) throw taken(name);
      return { ...project, name };
    }, ctx);
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) {
    throw new DomainError('bad_input', `${JSON.stringify(name)} is not a project name: 1–63 of a–z, 0–9, "." and "-", not beginning with one of the last two.`, 'name');
  }
}

const taken = (name: string) => new DomainError('conflict', `There is a project ${JSON.stringify(name)} already; take another name.`, 'name');
