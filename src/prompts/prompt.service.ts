import { Injectable } from '@nestjs/common';
import { batched, batchedLists, byId, byParent } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { checkLabel, checkName, parseReference } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { ChatTemplate, PromptEntity, PromptType, PromptVersionEntity } from './prompt.entity.js';
import { type PromptListArgs, PromptRepository, type PromptState, type PromptVersionListArgs } from './prompt.repository.js';
import { newTemplates } from './new-templates.js';
import { checkConfig } from './prompt-config.js';
import { PromptIncludesService } from './prompt-includes.service.js';
import { checkTags } from './prompt-library.service.js';
import { ProtectedLabelService } from './protected-label.service.js';
import type { ReadyPrompt } from './ready-prompt.js';
import { ReadyPromptsService } from './ready-prompts.service.js';

export interface NewPromptVersion {
  name: string;
  type: PromptType;
  messages: ChatTemplate[];
  /** JSON Schema of the variables, tighter than the one that the templates imply. */
  inputSchema?: Record<string, unknown> | null | undefined;
  config?: Record<string, unknown> | null | undefined;
  labels?: string[] | null | undefined;
  tags?: string[] | null | undefined;
  commitMessage?: string | null | undefined;
}

@Injectable()
export class PromptService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.prompts.findByIds(ctx, ids)));
  readonly loadVersion = batched(async (ctx, ids: readonly string[]) => byId(await this.prompts.findVersionsByIds(ctx, ids)));
  /** Versions of a prompt. */
  readonly listVersions = batchedLists((ctx, promptIds, args: PromptVersionListArgs) => this.prompts.listVersions(ctx, promptIds, args));
  /** Labels of a prompt, sorted, without `latest`. */
  readonly loadLabels = batched(async (ctx, promptIds: readonly string[]) =>
    byParent(promptIds, await this.prompts.labelsOf(ctx, promptIds), (label) => label.promptId));

  constructor(
    private readonly database: Database,
    private readonly prompts: PromptRepository,
    private readonly protectedLabels: ProtectedLabelService,
    private readonly includes: PromptIncludesService,
    private readonly readies: ReadyPromptsService,
  ) {}

  /**
   * Adds an immutable version; the first one creates the prompt.
   * @throws DomainError bad_input for a template that cannot be read, an inputSchema that does not fit it or a config that is wrong;
   * not_found for a prompt that it includes; conflict when the prompt is of another type or archived, or when prompts would
   * include each other; forbidden for a protected label.
   */
  createVersion(ctx: RequestContext, input: NewPromptVersion): Promise<PromptVersionEntity> {
    checkName(input.name);
    const labels = input.labels ?? [];
    labels.forEach((label) => this.checkMovable(label));
    checkConfig(input.config ?? {});
    checkTags(input.tags ?? []);
    const templates = newTemplates(input);
    return this.database.transaction(ctx, async (tx) => {
      await this.protectedLabels.assertMayMove(tx, labels);
      const prompt = await this.prompts.takeNextVersion(tx, { id: newId('prm'), name: input.name, type: input.type });
      if (prompt.type !== input.type) {
        throw new DomainError('conflict', `Prompt ${JSON.stringify(input.name)} is of type ${prompt.type}; its versions cannot be ${input.type}.`, 'type');
      }
      assertChangeable(prompt);
      const version = await this.prompts.addVersion(tx, {
        id: newId('prmv'), promptId: prompt.id, name: prompt.name, type: prompt.type, version: prompt.latestVersion,
        messages: input.messages, ...templates, config: input.config ?? {}, tags: input.tags ?? [],
        commitMessage: input.commitMessage ?? null, createdBy: ctx.principal,
      });
      await this.prompts.setLabels(tx, prompt.id, version.version, labels);
      await this.includes.check(tx, version);
      await this.readsChanged(tx);
      return version;
    });
  }

  /**
   * Moves labels to a version.
   * @param expectedVersion the version that each label names now, as the caller saw it
   * @throws DomainError not_found; conflict when another moved a label meanwhile, the prompt is archived, or prompts would include each other; forbidden for a protected label.
   */
  setLabels(ctx: RequestContext, name: string, version: number, labels: string[], expectedVersion: number | null = null): Promise<PromptVersionEntity> {
    labels.forEach((label) => this.checkMovable(label));
    return this.database.transaction(ctx, async (tx) => {
      await this.protectedLabels.assertMayMove(tx, labels);
      const found = await this.fetch(tx, name, { version });
      const { labels: now } = await this.lock(tx, name);
      const moved = expectedVersion === null ? undefined : labels.find((label) => (now.get(label) ?? 0) !== expectedVersion);
      if (moved !== undefined) {
        throw new DomainError('conflict', `The label ${moved} names version ${now.get(moved) ?? 0} of ${name} now, not ${expectedVersion}: another moved it. Look at it again, then move it.`, 'expectedVersion');
      }
      await this.prompts.setLabels(tx, found.promptId, version, labels);
      await this.includes.check(tx, found);
      await this.readsChanged(tx);
      return found;
    });
  }

  /**
   * Takes labels off a prompt; to fetch it by one of them is then an error.
   * @throws DomainError not_found for a prompt, or a label that it does not carry; conflict when it is archived, or
   * prompts include it by one of them; forbidden for a protected label.
   */
  removeLabels(ctx: RequestContext, name: string, labels: string[]): Promise<PromptEntity> {
    labels.forEach((label) => this.checkMovable(label));
    return this.database.transaction(ctx, async (tx) => {
      await this.protectedLabels.assertMayMove(tx, labels);
      const { prompt, labels: now } = await this.lock(tx, name);
      const missing = labels.find((label) => !now.has(label));
      if (missing !== undefined) throw notFound('label', missing, `Prompt ${JSON.stringify(name)} carries ${[...now.keys()].sort().join(', ') || 'none'}.`);
      await this.prompts.removeLabels(tx, prompt.id, labels);
      await this.includes.assertNotIncluded(tx, name, labels);
      await this.readsChanged(tx);
      return prompt;
    });
  }

  /**
   * One version, by number or label; with neither, the one labelled `production`.
   * @throws DomainError bad_input with both or for what is no label, not_found for a missing prompt, version or label.
   */
  async fetch(ctx: RequestContext, name: string, by: { version?: number | null; label?: string | null }): Promise<PromptVersionEntity> {
    if (by.version != null && by.label != null) {
      throw new DomainError('bad_input', 'Give a version or a label, not both.', 'label');
    }
    const label = by.label ?? 'production';
    if (by.version == null) checkLabel(label);
    const found = await this.prompts.findNamed(ctx, name, by.version == null ? { label } : { version: by.version });
    if (found) return found;
    const prompt = await this.prompts.findByName(ctx, name);
    if (!prompt) throw notFound('prompt', name);
    throw by.version == null
      ? notFound('label', label, `Prompt ${JSON.stringify(name)} does not carry it; set it with setPromptLabels.`)
      : notFound('version', `${name}/${by.version}`, `The newest is ${prompt.latestVersion}.`);
  }

  /** `prompts:/name/3`, `prompts:/name@label` or `prompts:/name` (production). */
  resolve(ctx: RequestContext, reference: string): Promise<PromptVersionEntity> {
    const { name, version, alias } = parseReference(reference, 'prompts');
    return this.fetch(ctx, name, { version, label: alias });
  }

  async findVersionById(ctx: RequestContext, id: string): Promise<PromptVersionEntity> {
    const version = await this.loadVersion(ctx, id);
    if (!version) throw notFound('prompt version', id);
    return version;
  }

  /**
   * A version ready to be rendered, by number or label as in `fetch`: from the cache, and at once when it is there.
   * @throws DomainError as `fetch`; not_found for what it includes.
   */
  ready(ctx: RequestContext, name: string, by: { version?: number | null; label?: string | null }): ReadyPrompt | Promise<ReadyPrompt> {
    if (by.version != null && by.label != null) throw new DomainError('bad_input', 'Give a version or a label, not both.', 'label');
    const reference = by.version == null ? `${name}@${by.label ?? 'production'}` : `${name}/${by.version}`;
    return this.readies.get(ctx, reference, () => this.fetch(ctx, name, by));
  }

  /** The same for `prompts:/name/3`, `prompts:/name@label` or `prompts:/name`. */
  readyRef(ctx: RequestContext, reference: string): ReadyPrompt | Promise<ReadyPrompt> {
    const { name, version, alias } = parseReference(reference, 'prompts');
    return this.ready(ctx, name, { version, label: alias });
  }

  /**
   * The version of that id, with what it included when a run was asked for.
   * @param pins `ReadyPrompt.pins` of that time
   */
  async pinned(ctx: RequestContext, id: string, pins: Record<string, string>): Promise<ReadyPrompt> {
    return this.readies.of(ctx, await this.findVersionById(ctx, id), pins);
  }

  /** What a version includes, with what each reference stands for now. */
  async includesOf(ctx: RequestContext, { includes }: Pick<PromptVersionEntity, 'includes'>): Promise<{ reference: string; version: PromptVersionEntity | null }[]> {
    return Promise.all(includes.map(async (reference) => ({ reference, version: await this.includes.load(ctx, reference) ?? null })));
  }

  list(ctx: RequestContext, args: PromptListArgs): Promise<Page<PromptEntity>> {
    return this.prompts.list(ctx, args);
  }

  /** Labels of a version, `latest` included. */
  async labelsOf(ctx: RequestContext, { promptId, version }: Pick<PromptVersionEntity, 'promptId' | 'version'>): Promise<string[]> {
    const [labels, prompt] = await Promise.all([this.loadLabels(ctx, promptId), this.load(ctx, promptId)]);
    const own = labels!.filter((label) => label.version === version).map((label) => label.label);
    return prompt?.latestVersion === version ? [...own, 'latest'] : own;
  }

  /** Called in each transaction that changes what a name, version or label reads. */
  private readsChanged(tx: RequestContext): Promise<void> {
    return this.readies.changed(tx);
  }

  private async lock(tx: RequestContext, name: string): Promise<PromptState> {
    const locked = await this.prompts.lock(tx, name);
    if (!locked) throw notFound('prompt', name);
    assertChangeable(locked.prompt);
    return locked;
  }

  private checkMovable(label: string): void {
    checkLabel(label, 'labels');
    if (label === 'latest') throw new DomainError('bad_input', "The label 'latest' moves by itself and cannot be set.", 'labels');
  }
}

function assertChangeable({ name, archivedAt }: PromptEntity): void {
  if (archivedAt) throw new DomainError('conflict', `Prompt ${JSON.stringify(name)} is archived: its versions and labels stay as they are. Take it back with unarchivePrompt first.`, 'name');
}
