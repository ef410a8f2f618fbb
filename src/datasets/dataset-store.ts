import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../common/errors.js';
import { CONFIG, type Config } from '../config/config.js';
import type { DatasetFormat } from './dataset.entity.js';
import { checkRecord, DataProblem, splitLines, writeLines } from './lines.js';
import { normaliseRow } from './normalise.js';
import { type DatasetRow, inHoldout } from './row.js';

/** Problems told at once, so that a file is not mended one line per upload. */
const MAX_PROBLEMS = 5;
const DAY_MS = 86_400_000;

/** Normalised rows on disk that belong to no version yet. */
export interface Draft {
  /** Absolute. */
  path: string;
  sha256: string;
  bytes: number;
  rows: number;
  holdoutRows: number;
}

/** The normalised rows of versions: JSONL files below TRIAD_HOME/datasets, known by their digest. */
@Injectable()
export class DatasetStore implements OnApplicationBootstrap {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** Removes what uploads and drafts left behind when their process was killed; one in progress is never a day old. */
  async onApplicationBootstrap(): Promise<void> {
    for (const directory of ['files', 'datasets'].map((name) => join(this.config.TRIAD_HOME, name))) {
      const unfinished = (await readdir(directory).catch(() => [])).filter((name) => /\.partial$|^draft-/.test(name));
      for (const path of unfinished.map((name) => join(directory, name))) {
        const changed = await stat(path).then((found) => found.mtimeMs, () => Infinity);
        if (changed < Date.now() - DAY_MS) await rm(path, { force: true });
      }
    }
  }

  /**
   * Normalises rows into a draft.
   * @param origin what the rows came from, for messages
   * @throws DomainError bad_data naming the first lines that are wrong, and their columns.
   */
  async draft(rows: AsyncIterable<object>, origin: string, format: DatasetFormat, holdout: number): Promise<Draft> {
    const path = join(this.config.TRIAD_HOME, 'datasets', `draft-${randomUUID()}.jsonl`);
    let holdoutRows = 0;
    async function* lines() {
      for await (const row of normalised(rows, origin, format)) {
        if (inHoldout(row, holdout)) holdoutRows += 1;
        yield JSON.stringify(row);
      }
    }
    const written = await writeLines(path, lines());
    if (written.lines === 0) {
      await this.discard({ path });
      throw new DomainError('bad_data', `${origin} holds no rows; a data set needs at least one.`);
    }
    return { path, sha256: written.sha256, bytes: written.bytes, rows: written.lines, holdoutRows };
  }

  /** Moves a draft to its place. @returns path relative to TRIAD_HOME. */
  async keep(projectId: string, draft: Draft): Promise<string> {
    const path = join('datasets', `${projectId}-${draft.sha256}.jsonl`);
    await rename(draft.path, join(this.config.TRIAD_HOME, path));
    return path;
  }

  async discard(draft: Pick<Draft, 'path'>): Promise<void> {
    await rm(draft.path, { force: true });
  }

  /** Rows in their order; `index` counts from 0. @param path relative to TRIAD_HOME */
  async *read(path: string): AsyncGenerator<{ index: number; row: DatasetRow }> {
    for await (const { number, bytes } of splitLines(createReadStream(join(this.config.TRIAD_HOME, path)), path)) {
      yield { index: number - 1, row: JSON.parse(bytes.toString('utf8')) as DatasetRow };
    }
  }
}

async function* normalised(rows: AsyncIterable<object>, origin: string, format: DatasetFormat): AsyncGenerator<DatasetRow> {
  const problems: string[] = [];
  let number = 0;
  for await (const source of rows) {
    number += 1;
    try {
      const row = normaliseRow(checkRecord(source), format);
      if (problems.length === 0) yield row;
    } catch (error) {
      if (!(error instanceof DataProblem)) throw error;
      problems.push(`line ${number}: ${error.message}`);
      if (problems.length === MAX_PROBLEMS) break;
    }
  }
  if (problems.length > 0) throw new DomainError('bad_data', `${origin}, ${problems.join('\n')}`, 'fileId');
}
