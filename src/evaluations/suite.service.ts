import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { batched, byId } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { columnsOf, parseGrader } from '../common/graders.js';
import { newId } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { checkName } from '../common/references.js';
import type { RequestContext } from '../common/request-context.js';
import { DatasetService } from '../datasets/dataset.service.js';
import type { EvaluationSuiteEntity } from './evaluation.entity.js';
import { EvaluationRepository, type SuiteListArgs } from './evaluation.repository.js';

@Injectable()
export class SuiteService {
  /** By id; undefined for one that is not there. */
  readonly load = batched(async (ctx, ids: readonly string[]) => byId(await this.evaluations.findSuitesByIds(ctx, ids)));

  constructor(
    private readonly evaluations: EvaluationRepository,
    private readonly datasets: DatasetService,
  ) {}

  /**
   * What all candidates are measured on. A suite on a sealed data set is sealed. The same suite asked for again is that one.
   * @param input.dataset reference to a version of format `prompt`
   * @param input.grader contracts/grader.schema.json; the gold score is a program, never a model
   * @throws DomainError bad_input, bad_data (a column that the grader reads is missing), not_found, conflict.
   */
  async create(ctx: RequestContext, input: { name: string; dataset: string; grader: unknown; sealed?: boolean | null }): Promise<EvaluationSuiteEntity> {
    checkName(input.name);
    const grader = parseGrader(input.grader);
    if (grader.type !== 'string_check' && grader.type !== 'function_call') {
      throw new DomainError('bad_input', `A grader of type ${grader.type} is a reward, not a gold score: it can be gamed. Use string_check or function_call.`, 'grader');
    }
    const dataset = await this.datasets.resolve(ctx, input.dataset);
    if (dataset.format !== 'prompt') throw new DomainError('bad_input', `${dataset.name}/${dataset.version} is of format ${dataset.format}; a suite needs format prompt.`, 'dataset');
    if (dataset.rows === 0) throw new DomainError('bad_input', `${dataset.name}/${dataset.version} has no rows.`, 'dataset');
    if (input.sealed && !dataset.sealed) {
      throw new DomainError('bad_input', `${dataset.name}/${dataset.version} is not sealed, so others may read or train on it. Create the data set version with sealed: true.`, 'sealed');
    }
    const columns = columnsOf(grader);
    for await (const { index, row } of this.datasets.rows(ctx, dataset, 'all')) {
      const missing = columns.find((column) => !Object.hasOwn(row, column));
      if (missing) throw new DomainError('bad_data', `Row ${index} of ${dataset.name}/${dataset.version} has no column ${JSON.stringify(missing)}, which the grader reads.`, 'grader');
    }
    const wanted = { name: input.name, datasetVersionId: dataset.id, grader, sealed: dataset.sealed };
    const suite = await this.evaluations.addSuite(ctx, { id: newId('suite'), ...wanted });
    const existing = suite ?? await this.findByName(ctx, input.name);
    if (existing.datasetVersionId !== dataset.id || !isDeepStrictEqual(existing.grader, grader)) throw new DomainError('conflict', `There is a suite ${JSON.stringify(input.name)} already, on other data or with another grader. Suites do not change, so that results stay comparable; choose another name.`, 'name');
    return existing;
  }

  /** @throws DomainError not_found. */
  async findByName(ctx: RequestContext, name: string): Promise<EvaluationSuiteEntity> {
    const suite = await this.evaluations.findSuite(ctx, { name });
    if (!suite) throw notFound('evaluation suite', name, 'Create it with createEvaluationSuite.');
    return suite;
  }

  async findById(ctx: RequestContext, id: string): Promise<EvaluationSuiteEntity> {
    const suite = await this.load(ctx, id);
    if (!suite) throw notFound('evaluation suite', id);
    return suite;
  }

  list(ctx: RequestContext, args: SuiteListArgs): Promise<Page<EvaluationSuiteEntity>> {
    return this.evaluations.listSuites(ctx, args);
  }
}
