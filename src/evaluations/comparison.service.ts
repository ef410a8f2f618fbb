import { Injectable } from '@nestjs/common';
import { DomainError, notFound } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import type { Estimate, EvaluationRunEntity } from './evaluation.entity.js';
import { EvaluationRepository } from './evaluation.repository.js';
import { bootstrapMean, holm, itemsForPower, signTest } from './statistics.js';

export type Verdict = 'gain' | 'loss' | 'no_difference_shown';

/** A candidate against the baseline, item by item. */
export interface Comparison {
  runId: string;
  /** Candidate minus baseline. */
  difference: Estimate;
  wins: number;
  losses: number;
  ties: number;
  /** Of the sign test; and after Holm's correction for the family of this call. */
  pValue: number;
  adjustedPValue: number;
  verdict: Verdict;
  itemsForPower: number | null;
}

const SIGNIFICANT = 0.05;

@Injectable()
export class ComparisonService {
  constructor(private readonly evaluations: EvaluationRepository) {}

  /**
   * Compares candidates with a baseline on the same items. A verdict needs both: an interval of the mean difference
   * without 0, and a sign test that stays significant (.05) among all comparisons of this call.
   * @throws DomainError bad_input unless all runs are over, succeeded and on one suite; not_found.
   */
  async compare(ctx: RequestContext, baselineRunId: string, runIds: string[]): Promise<Comparison[]> {
    const candidates = [...new Set(runIds)].filter((id) => id !== baselineRunId);
    const found = new Map((await this.evaluations.findRuns(ctx, [baselineRunId, ...candidates])).map((run) => [run.id, run]));
    const [baseline, ...runs] = [baselineRunId, ...candidates].map((id) => found.get(id) ?? missing(id));
    for (const run of [baseline!, ...runs]) checkComparable(baseline!, run);
    const baselineGold = await this.goldOf(ctx, baseline!.id);
    const compared = await Promise.all(runs.map(async ({ id }) => compareItems(id, baselineGold, await this.goldOf(ctx, id))));
    const adjusted = holm(compared.map((each) => each.pValue));
    return compared.map((each, index) => ({ ...each, adjustedPValue: adjusted[index]!, verdict: verdictOf(each.difference, adjusted[index]!) }));
  }

  private async goldOf(ctx: RequestContext, runId: string): Promise<number[]> {
    return (await this.evaluations.chosenGold(ctx, runId)).map((item) => item.gold);
  }
}

function missing(id: string): never {
  throw notFound('evaluation run', id);
}

function checkComparable(baseline: EvaluationRunEntity, run: EvaluationRunEntity): void {
  if (run.suiteId !== baseline.suiteId) throw new DomainError('bad_input', `Runs ${run.id} and ${baseline.id} are on different suites; only runs on the same items compare.`, 'runIds');
  if (run.status !== 'succeeded') throw new DomainError('bad_input', `Run ${run.id} is ${run.status}; only runs that succeeded compare.`, 'runIds');
}

/** Both in order of item: all runs on a suite have answered the same items. */
function compareItems(runId: string, baseline: number[], candidate: number[]): Omit<Comparison, 'adjustedPValue' | 'verdict'> {
  const differences = candidate.map((gold, index) => gold - baseline[index]!);
  const wins = differences.filter((difference) => difference > 0).length;
  const losses = differences.filter((difference) => difference < 0).length;
  return {
    runId, difference: bootstrapMean(differences), wins, losses, ties: differences.length - wins - losses,
    pValue: signTest(wins, losses), itemsForPower: itemsForPower(differences),
  };
}

function verdictOf({ low, high }: Estimate, adjustedPValue: number): Verdict {
  if (adjustedPValue > SIGNIFICANT || (low <= 0 && high >= 0)) return 'no_difference_shown';
  return low > 0 ? 'gain' : 'loss';
}
