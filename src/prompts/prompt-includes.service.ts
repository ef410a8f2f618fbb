import { Injectable } from '@nestjs/common';
import { batched, batchedLists } from '../common/batched.js';
import { DomainError } from '../common/errors.js';
import { decodeCursor, type Page, toPage } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import type { PromptVersionEntity } from './prompt.entity.js';
import { PromptIncludeRepository } from './prompt-include.repository.js';
import { MAX_INCLUDE_DEPTH } from './ready-prompt.js';

/** References that one prompt includes at most, at any depth. */
const MAX_INCLUDED = 200;

/** What each reference stands for. */
export type Included = Map<string, PromptVersionEntity>;

/** What prompts include of others. */
@Injectable()
export class PromptIncludesService {
  /** The version that a reference, `name/3` or `name@label`, stands for now; undefined when there is none. */
  readonly load = batched((ctx, references: readonly string[]) => this.repository.findReferenced(ctx, references));

  /** Versions that include a version, by its number or by a label that names it now: a page of them, the newest first. */
  readonly includedBy = batchedLists(async (ctx, versionIds, { first, after }: { first: number; after?: string | null }): Promise<Map<string, Page<PromptVersionEntity>>> => {
    const found = await this.repository.includersOf(ctx, versionIds, after == null ? null : decodeCursor(after), first + 1);
    return new Map(versionIds.map((id) => [id, toPage(found.filter(({ parent }) => parent === id).map(({ version }) => version), first, (version) => version.id, after)]));
  });

  constructor(private readonly repository: PromptIncludeRepository) {}

  /**
   * All that a version includes, those that these include too.
   * @param pins reference → id of the version that it stood for at another time; for the others what they stand for now
   * @throws DomainError not_found naming who includes what is not there; conflict naming the cycle; bad_input for what cannot be included.
   */
  async closure(ctx: RequestContext, root: PromptVersionEntity, pins: Record<string, string> = {}): Promise<Included> {
    const included: Included = new Map();
    let level = [root];
    while (level.length > 0) {
      const asked = level.flatMap((by) => by.includes.map((reference) => ({ by, reference }))).filter(({ reference }) => !included.has(reference));
      const found = await this.repository.findReferenced(ctx, [...new Set(asked.map(({ reference }) => reference))], pins);
      for (const { by, reference } of asked) included.set(reference, includable(by, reference, found.get(reference)));
      if (included.size > MAX_INCLUDED) throw new DomainError('too_large', `Prompt ${nameOf(root)} includes more than ${MAX_INCLUDED} others.`, 'messages');
      level = [...found.values()];
    }
    assertNoCycle(root, included, [], new Set());
    return included;
  }

  /**
   * Called in the transaction that made a version, or moved labels to it, after that.
   * @throws DomainError as `closure`.
   */
  async check(tx: RequestContext, version: PromptVersionEntity): Promise<void> {
    if (version.includes.length === 0) return;
    await this.repository.lockChecks(tx);
    await this.closure(tx, version);
  }

  /**
   * Called in the transaction that took labels off a prompt, after that.
   * @throws DomainError conflict naming the prompts that include it by one of them.
   */
  async assertNotIncluded(tx: RequestContext, name: string, labels: readonly string[]): Promise<void> {
    // Whoever makes a version that includes it waits here, and then finds the label gone.
    await this.repository.lockChecks(tx);
    const references = labels.map((label) => `${name}@${label}`);
    const includers = await this.repository.usedIncluders(tx, references);
    if (includers.length === 0) return;
    const named = includers.map((each) => `${each.name}/${each.version} (by ${each.includes.filter((reference) => references.includes(reference)).join(', ')})`).join(', ');
    throw new DomainError('conflict', `Prompts include ${JSON.stringify(name)} by a label that is to go, and could not be rendered without it: ${named}. Have their next versions include another, and move their labels there, first.`, 'labels');
  }
}

const nameOf = ({ name, version }: PromptVersionEntity): string => `${name}/${version}`;

function includable(by: PromptVersionEntity, reference: string, found: PromptVersionEntity | undefined): PromptVersionEntity {
  if (!found) throw new DomainError('not_found', `Prompt ${nameOf(by)} includes ${JSON.stringify(reference)}, and there is no such version or label. Make it, or include another.`, 'messages');
  if (found.type !== 'text') throw new DomainError('bad_input', `Prompt ${nameOf(by)} includes ${JSON.stringify(reference)}, which is of type ${found.type}; only prompts of type text can stand in a message.`, 'messages');
  return found;
}

/** @param path from the root to `version`, as a person reads it */
function assertNoCycle(version: PromptVersionEntity, included: Included, path: { id: string; text: string }[], sound: Set<string>): void {
  if (sound.has(version.id)) return;
  const here = path.findIndex(({ id }) => id === version.id);
  if (here >= 0) {
    const cycle = path.slice(here).map(({ text }) => text).concat(nameOf(version));
    throw new DomainError('conflict', `These prompts would include each other without end: ${cycle.join(' → ')}. Take one include out, or move a label elsewhere.`, 'messages');
  }
  if (path.length > MAX_INCLUDE_DEPTH) throw new DomainError('too_large', `Prompts include each other more than ${MAX_INCLUDE_DEPTH} deep: ${path.map(({ text }) => text).join(' → ')}.`, 'messages');
  for (const reference of version.includes) {
    assertNoCycle(included.get(reference)!, included, [...path, { id: version.id, text: `${nameOf(version)} (by ${reference})` }], sound);
  }
  sound.add(version.id);
}
