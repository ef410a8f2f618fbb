import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { checkLabel } from '../common/references.js';
import { type CallerRole, includesRole, type RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { ProtectedLabelRepository } from './protected-label.repository.js';

/** The least that may move a protected label. */
const NEEDED: CallerRole = 'deployer';
const MAX_PROTECTED = 50;

/** Labels of prompts that only deployers move. A project has none until an admin names them. */
@Injectable()
export class ProtectedLabelService {
  constructor(
    private readonly database: Database,
    private readonly labels: ProtectedLabelRepository,
  ) {}

  /** Sorted. */
  list(ctx: RequestContext): Promise<string[]> {
    return this.labels.list(ctx);
  }

  /** Protects these labels and no others. @throws DomainError bad_input. */
  set(ctx: RequestContext, labels: string[]): Promise<string[]> {
    for (const label of labels) {
      checkLabel(label, 'labels');
      if (label === 'latest') throw new DomainError('bad_input', "The label 'latest' moves by itself; there is nobody to keep from moving it.", 'labels');
    }
    if (labels.length > MAX_PROTECTED) throw new DomainError('bad_input', `A project has ${MAX_PROTECTED} protected labels at most; these are ${labels.length}.`, 'labels');
    return this.database.transaction(ctx, async (tx) => {
      await this.labels.set(tx, labels);
      return this.labels.list(tx);
    });
  }

  /** @throws DomainError forbidden naming the protected labels among those that the caller is to move. */
  async assertMayMove(ctx: RequestContext, labels: readonly string[]): Promise<void> {
    if (labels.length === 0 || includesRole(ctx.role, NEEDED)) return;
    const kept = (await this.labels.list(ctx)).filter((label) => labels.includes(label));
    if (kept.length === 0) return;
    throw new DomainError('forbidden',
      `The label${kept.length > 1 ? 's' : ''} ${kept.join(', ')} ${kept.length > 1 ? 'are' : 'is'} protected: to move ${kept.length > 1 ? 'them' : 'it'} needs the role ${NEEDED}; the caller has the role ${ctx.role}. Ask a deployer, or leave ${kept.length > 1 ? 'them' : 'it'} out.`, 'labels');
  }
}
