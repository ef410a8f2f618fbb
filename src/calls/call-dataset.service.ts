import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import { byId } from '../common/batched.js';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Database } from '../database/database.js';
import type { DatasetVersionEntity } from '../datasets/dataset.entity.js';
import { DatasetService } from '../datasets/dataset.service.js';
import { type DatasetRow, promptKey } from '../datasets/row.js';
import { LineageService, type LineageEdge, type LineageRef } from '../models/lineage.service.js';
import type { CallFilter } from './call-filter.js';
import { CallService, type WholeCall } from './call.service.js';
import { type Judging, type LeftOut, LEFT_OUT, rowsOf } from './training-rows.js';

/** prompt: one row for each prompt; row: rows may ask the same and answer otherwise; none. What differs in case and spaces only is the same. */
export type Deduplication = 'prompt' | 'row' | 'none';

export interface NewDatasetFromCalls extends Judging {
  name: string;
  licence: string;
  filter: CallFilter;
  dedupe: Deduplication;
  /** Rows at most; the newest calls come first. */
  limit: number;
  holdout: number;
}

export interface DatasetFromCalls {
  version: DatasetVersionEntity;
  /** Calls with feedback that the filter found and that were looked at. */
  calls: number;
  duplicates: number;
  leftOut: { reason: LeftOut; count: number; meaning: string }[];
}

/** Training data from what people said of calls. */
@Injectable()
export class CallDatasetService {
  constructor(
    private readonly database: Database,
    private readonly calls: CallService,
    private readonly datasets: DatasetService,
    private readonly lineage: LineageService,
  ) {}

  /**
   * A version of format sft or preference; its lineage names the prompt versions, model versions and deployments of its calls.
   * @throws DomainError bad_input when no call gives a row, saying why; and as DatasetService.createFromRows.
   */
  async create(ctx: RequestContext, input: NewDatasetFromCalls): Promise<DatasetFromCalls> {
    const tally = new Tally();
    return this.database.transaction(ctx, async (tx) => {
      const version = await this.datasets.createFromRows(tx, {
        name: input.name, format: input.kind, licence: input.licence, holdout: input.holdout, origin: 'the calls of the filter',
        rows: this.rows(tx, input, tally), derivedFrom: [],
      });
      await this.lineage.link(tx, tally.edgesTo({ type: 'dataset_version', id: version.id }));
      return { version, calls: tally.calls, duplicates: tally.duplicates, leftOut: tally.leftOut() };
    });
  }

  private async *rows(tx: RequestContext, input: NewDatasetFromCalls, tally: Tally): AsyncGenerator<DatasetRow> {
    const seen = new Set<string>();
    for await (const calls of this.calls.pages(tx, { ...input.filter, hasFeedback: true })) {
      const others = await this.preferredOver(tx, calls, input);
      for (const call of calls) {
        const made = rowsOf(call, others, input);
        tally.add(made.leftOut);
        for (const row of made.rows) {
          const key = keyOf(row, input.dedupe);
          if (key !== null && seen.has(key)) {
            tally.duplicates += 1;
            continue;
          }
          if (key !== null) seen.add(key);
          tally.used(call);
          yield row;
          if (tally.rows === input.limit) return;
        }
      }
    }
    if (tally.rows === 0) throw tally.nothing();
  }

  private async preferredOver(tx: RequestContext, calls: WholeCall[], { kind }: Judging): Promise<ReadonlyMap<string, WholeCall>> {
    const ids = kind === 'preference' ? calls.flatMap(({ feedback }) => feedback.flatMap(({ preferredOverCallId }) => preferredOverCallId ?? [])) : [];
    if (ids.length === 0) return new Map();
    return byId(await this.calls.whole(tx, await this.calls.findByIds(tx, [...new Set(ids)])));
  }
}

function keyOf(row: DatasetRow, dedupe: Deduplication): string | null {
  if (dedupe === 'none') return null;
  if (dedupe === 'prompt') return promptKey(row);
  const folded = [row.completion, row.chosen, row.rejected].map((text) => (text ?? '').normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim());
  return promptKey(row) + hash('sha256', JSON.stringify(folded), 'hex').slice(0, 32);
}

/** What became of the calls that were looked at. */
class Tally {
  calls = 0;
  rows = 0;
  duplicates = 0;
  private readonly reasons = new Map<LeftOut, number>();
  private readonly sources = new Map<string, LineageRef>();

  add(leftOut: LeftOut[]): void {
    this.calls += 1;
    for (const reason of leftOut) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  used({ promptVersionId, modelVersionId, deploymentId }: WholeCall): void {
    this.rows += 1;
    if (promptVersionId !== null) this.sources.set(promptVersionId, { type: 'prompt_version', id: promptVersionId });
    if (modelVersionId !== null) this.sources.set(modelVersionId, { type: 'model_version', id: modelVersionId });
    if (deploymentId !== null) this.sources.set(deploymentId, { type: 'deployment', id: deploymentId });
  }

  edgesTo(to: LineageRef): LineageEdge[] {
    return [...this.sources.values()].map((from) => ({ from, to, relation: from.type === 'model_version' ? 'output_derived' : 'data_derived' }));
  }

  leftOut(): DatasetFromCalls['leftOut'] {
    return [...this.reasons].sort(([, a], [, b]) => b - a).map(([reason, count]) => ({ reason, count, meaning: LEFT_OUT[reason] }));
  }

  nothing(): DomainError {
    if (this.calls === 0) return new DomainError('bad_input', 'No call of the filter has feedback. Add some with addCallFeedback or POST /v1/feedback, or widen the filter.', 'filter');
    const reasons = this.leftOut().map(({ reason, count, meaning }) => `${reason} ${count}: ${meaning}`).join(' ');
    const switchOn = this.reasons.has('not_logged_in_full') ? ' From now on calls are kept in full after setCallLogging(mode: full).' : '';
    return new DomainError('bad_input', `None of the ${this.calls} calls with feedback gives a row. ${reasons}${switchOn}`, 'filter');
  }
}
