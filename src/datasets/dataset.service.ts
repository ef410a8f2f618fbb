import { Injectable } from '@nestjs/common';
import { batched, batchedLists, byId } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { decodeCursor, type Page, type PageArgs, toPage } from '../common/pagination.js';
import { checkName, parseReference } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import { QuotaService } from '../limits/quota.service.js';
import { licenceOf } from '../models/licences.js';
import { LineageService, type LineageRef } from '../models/lineage.service.js';
import { ModelService } from '../models/model.service.js';
import { type Draft, DatasetStore } from './dataset-store.js';
import type { DatasetEntity, DatasetFormat, DatasetVersionEntity } from './dataset.entity.js';
import { type DatasetListArgs, DatasetRepository, type DatasetVersionListArgs, type RowPrompt } from './dataset.repository.js';
import { FileService } from './file.service.js';
import { writeLines } from './lines.js';
import { type ChatMessage, type DatasetRow, inHoldout, promptKey } from './row.js';

export type DatasetPart = 'train' | 'holdout' | 'all';

export interface NewDataset {
  name: string;
  format: DatasetFormat;
  licence: string;
  rows: AsyncIterable<object>;
  /** What the rows came from; from a model version they are its outputs. */
  derivedFrom: LineageRef[];
  /** Share held out, 0–0.5. */
  holdout?: number;
  sealed?: boolean;
  /** Where the rows are read from, for messages. */
  origin?: string;
  /** The uploaded file the rows are of. */
  fileId?: string | null;
}

export interface NewDatasetFromFile extends Pick<NewDataset, 'name' | 'format' | 'licence' | 'holdout' | 'sealed'> {
  fileId: string;
  /** References (`models:/x@champion`, `datasets:/x/1`) or typed ids. */
  derivedFrom: string[];
}

const PROMPT_BATCH = 5000;
const TYPE_OF_PREFIX: Record<string, LineageRef['type']> = {
  prmv: 'prompt_version', dsv: 'dataset_version', mdlv: 'model_version', ftjob: 'fine_tune_job', eval: 'evaluation_run', dep: 'deployment',
};

@Injectable()
export class DatasetService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.datasets.findByIds(ctx, ids)));
  readonly loadVersion = batched(async (ctx, ids: readonly string[]) => byId(await this.datasets.findVersionsByIds(ctx, ids)));
  /** Versions of a data set. */
  readonly listVersions = batchedLists((ctx, datasetIds, args: DatasetVersionListArgs) => this.datasets.listVersions(ctx, datasetIds, args));

  constructor(
    private readonly database: Database,
    private readonly datasets: DatasetRepository,
    private readonly store: DatasetStore,
    private readonly files: FileService,
    private readonly models: ModelService,
    private readonly lineage: LineageService,
    private readonly quotas: QuotaService,
  ) {}

  /** A version from an uploaded file. @throws DomainError as createFromRows; bad_reference for a source that is none. */
  async createFromFile(ctx: RequestContext, input: NewDatasetFromFile): Promise<DatasetVersionEntity> {
    const file = await this.files.find(ctx, input.fileId);
    const derivedFrom: LineageRef[] = [];
    for (const source of input.derivedFrom) derivedFrom.push(await this.sourceOf(ctx, source));
    return this.createFromRows(ctx, { ...input, derivedFrom, rows: this.files.rows(file), origin: file.filename });
  }

  private async sourceOf(ctx: RequestContext, source: string): Promise<LineageRef> {
    if (source.startsWith('models:/')) return { type: 'model_version', id: (await this.models.resolve(ctx, source)).id };
    if (source.startsWith('datasets:/')) return { type: 'dataset_version', id: (await this.resolve(ctx, source)).id };
    const type = TYPE_OF_PREFIX[source.split('_')[0] ?? ''];
    if (!type) {
      throw new DomainError('bad_reference', `derivedFrom holds ${JSON.stringify(source)}; write models:/NAME/3, datasets:/NAME/3, or an id that starts with ${Object.keys(TYPE_OF_PREFIX).map((prefix) => `${prefix}_`).join(', ')}.`, 'derivedFrom');
    }
    return { type, id: source };
  }

  /**
   * Normalises rows into an immutable version; the same content with the same settings is the same version. Rows are
   * streamed: memory does not grow with their number.
   * @throws DomainError bad_data naming lines and columns; conflict for a data set of another format or prompts shared
   *   with sealed data; licence_refused; quota_exceeded; not_found for an unknown source.
   */
  async createFromRows(ctx: RequestContext, input: NewDataset): Promise<DatasetVersionEntity> {
    checkName(input.name);
    const licence = licenceOf(input.licence).id;
    const holdout = input.holdout ?? 0;
    if (!(holdout >= 0 && holdout <= 0.5)) throw new DomainError('bad_input', `holdout is a share from 0 to 0.5, not ${holdout}.`, 'holdout');
    await this.lineage.assertExists(ctx, input.derivedFrom);
    const draft = await this.store.draft(input.rows, input.origin ?? `the rows of ${input.name}`, input.format, holdout);
    try {
      return await this.database.transaction(ctx, (tx) => this.addVersion(tx, { ...input, licence, holdout }, draft));
    } finally {
      await this.store.discard(draft);
    }
  }

  private async addVersion(tx: RequestContext, input: NewDataset & { holdout: number }, draft: Draft): Promise<DatasetVersionEntity> {
    await this.datasets.lockProject(tx);
    if (input.fileId != null) await this.files.hold(tx, input.fileId);
    const dataset = await this.datasets.findOrAdd(tx, input.name, input.format);
    if (dataset.format !== input.format) {
      throw new DomainError('conflict', `Data set ${JSON.stringify(input.name)} is of format ${dataset.format}; its versions cannot be ${input.format}. Take another name.`, 'format');
    }
    const { licence, holdout, sealed = false, fileId = null } = input;
    const same = await this.datasets.findSame(tx, dataset.id, { sha256: draft.sha256, licence, holdout, sealed });
    if (!same) await this.quotas.holdStorage(tx, draft.bytes);
    const version = same ?? await this.datasets.addVersion(tx, dataset, {
      format: input.format, rows: draft.rows, holdoutRows: draft.holdoutRows, sha256: draft.sha256, bytes: draft.bytes, path: await this.store.keep(tx.projectId, draft),
      licence, holdout, sealed, fileId, createdBy: tx.principal,
    });
    if (!same) await this.addPrompts(tx, version);
    await this.lineage.link(tx, input.derivedFrom.map((from) => (
      { from, to: { type: 'dataset_version' as const, id: version.id }, relation: from.type === 'model_version' ? 'output_derived' as const : 'data_derived' as const })));
    return version;
  }

  /** No prompt is both sealed and open to training in one project. */
  private async addPrompts(tx: RequestContext, version: DatasetVersionEntity): Promise<void> {
    let batch: RowPrompt[] = [];
    const flush = async () => {
      await this.assertApart(tx, version, batch);
      await this.datasets.addPrompts(tx, version.id, batch);
      batch = [];
    };
    for await (const { index, row } of this.store.read(version.path)) {
      if (batch.push({ key: promptKey(row), row: index }) === PROMPT_BATCH) await flush();
    }
    await flush();
  }

  private async assertApart(tx: RequestContext, version: DatasetVersionEntity, prompts: RowPrompt[]): Promise<void> {
    const shared = await this.datasets.sharedPrompts(tx, prompts, version.sealed);
    if (shared.length === 0) return;
    const rows = shared.map(({ row, other, otherRow }) => `line ${row} is line ${otherRow} of ${other}`).join('; ');
    throw new DomainError('conflict', version.sealed
      ? `Data open to training holds prompts of this sealed data: ${rows}. Seal prompts that nothing was trained on, or leave these out.`
      : `These prompts are in sealed data, which is only measured on: ${rows}. Leave them out.`, 'fileId');
  }

  /** `datasets:/name/2`, `datasets:/name@latest` or `datasets:/name` (newest). @throws DomainError bad_reference, not_found. */
  async resolve(ctx: RequestContext, reference: string): Promise<DatasetVersionEntity> {
    const { name, version, alias } = parseReference(reference, 'datasets');
    const dataset = await this.datasets.findByName(ctx, name);
    if (!dataset) throw notFound('data set', name, 'The query `datasets` lists those there are.');
    if (alias !== null && alias !== 'latest') throw notFound('alias', `${name}@${alias}`, 'Data sets have versions and @latest.');
    const found = await this.datasets.findVersion(ctx, dataset.id, version ?? dataset.latestVersion);
    if (!found) throw notFound('data set version', `${name}/${version}`, `The newest is ${dataset.latestVersion}.`);
    return found;
  }

  /** @throws DomainError not_found. */
  async findVersionById(ctx: RequestContext, id: string): Promise<DatasetVersionEntity> {
    const version = await this.loadVersion(ctx, id);
    if (!version) throw notFound('data set version', id);
    return version;
  }

  /** Rows of a part, streamed; `index` is the row's place in the whole version, from 0. Sealed rows too: for measuring. */
  async *rows(_ctx: RequestContext, version: DatasetVersionEntity, part: DatasetPart): AsyncGenerator<{ index: number; row: DatasetRow }> {
    for await (const entry of this.store.read(version.path)) {
      if (part === 'all' || inHoldout(entry.row, version.holdout) === (part === 'holdout')) yield entry;
    }
  }

  /** @throws DomainError sealed. */
  assertTrainable(_ctx: RequestContext, version: DatasetVersionEntity): void {
    if (version.sealed) throw new DomainError('sealed', `${version.name}/${version.version} is sealed: it is measured on, never trained on. Train on another data set.`, 'dataset');
  }

  /**
   * Writes a part as JSONL in the trainer's conversational shapes (contracts/job-spec.schema.json), whole or not at all.
   * @param render messages of a row that has `input`, from a prompt version; null when no prompt was given
   * @returns how many rows.
   * @throws DomainError sealed; bad_input when rows need a prompt and there is none; whatever `render` throws.
   */
  async materialise(ctx: RequestContext, version: DatasetVersionEntity, part: DatasetPart, path: string, render: ((row: DatasetRow) => ChatMessage[]) | null): Promise<number> {
    this.assertTrainable(ctx, version);
    const rows = this.rows(ctx, version, part);
    async function* lines() {
      for await (const { index, row } of rows) {
        const prompt = row.prompt ?? render?.(row);
        if (!prompt) throw new DomainError('bad_input', `Row ${index + 1} of ${version.name}/${version.version} holds variables; give the prompt version that renders them.`, 'prompt');
        yield JSON.stringify(trainingRow(row, prompt, version.format));
      }
    }
    return (await writeLines(path, lines())).lines;
  }

  list(ctx: RequestContext, args: DatasetListArgs): Promise<Page<DatasetEntity>> {
    return this.datasets.list(ctx, args);
  }

  /** Rows for a person to look at. @throws DomainError sealed. */
  async preview(ctx: RequestContext, version: DatasetVersionEntity, page: PageArgs): Promise<Page<{ index: number; row: DatasetRow }>> {
    if (version.sealed) throw new DomainError('sealed', `The rows of ${version.name}/${version.version} are sealed and not shown.`);
    const start = page.after ? Number(decodeCursor(page.after)) + 1 : 0;
    const rows: { index: number; row: DatasetRow }[] = [];
    for await (const entry of this.rows(ctx, version, 'all')) {
      if (entry.index >= start) rows.push(entry);
      if (rows.length > page.first) break;
    }
    return toPage(rows, page.first, (entry) => entry.index, page.after);
  }
}

function trainingRow(row: DatasetRow, prompt: ChatMessage[], format: DatasetFormat): object {
  const answer = (content: string | undefined) => [{ role: 'assistant', content }];
  if (format === 'sft') return { prompt, completion: answer(row.completion) };
  if (format === 'preference') {
    return { prompt, chosen: answer(row.chosen), rejected: answer(row.rejected), ...(row.slice === undefined ? {} : { slice: row.slice }) };
  }
  const { prompt: _, input: __, ...columns } = row;
  return { prompt, ...columns };
}
