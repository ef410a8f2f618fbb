import { Injectable } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { DomainError } from '../common/errors.js';
import { grade, type ProgramGrader } from '../common/graders.js';
import type { RequestContext } from '../common/request-context.js';
import type { ChatMessage, ChatResponse } from '../deployments/runtime/chat.types.js';
import { RuntimeService } from '../deployments/runtime/runtime.service.js';
import type { ModelVersionEntity } from '../models/model.entity.js';
import { ModelService } from '../models/model.service.js';
import { RewardModelService } from '../reward-models/reward-model.service.js';
import { type EvaluationItem, EvaluationItems } from './evaluation-items.js';
import type { Estimate, EvaluationRunEntity, EvaluationSuiteEntity } from './evaluation.entity.js';
import { EvaluationRepository, type NewSample, type Totals } from './evaluation.repository.js';
import { bootstrapMean } from './statistics.js';
import { SuiteService } from './suite.service.js';

/** Twice what the embedded runtime decodes in one batch: lanes that score or store leave no row of it idle. */
const ANSWERS_IN_FLIGHT = 128;
/** A runtime that restarts is back within half a minute. */
const TRIES = 6;

/** A run with all it needs: its models are in the runtime, its items are read. */
export interface Candidate {
  run: EvaluationRunEntity;
  suite: EvaluationSuiteEntity;
  model: ModelVersionEntity;
  reward: ModelVersionEntity | null;
  /** Without an answer yet. */
  missing: EvaluationItem[];
}

/** Asks a candidate every item that has no answer yet, scores and grades the answers. */
@Injectable()
export class EvaluationRunner {
  constructor(
    private readonly evaluations: EvaluationRepository,
    private readonly suites: SuiteService,
    private readonly items: EvaluationItems,
    private readonly models: ModelService,
    private readonly runtime: RuntimeService,
    private readonly rewardModels: RewardModelService,
  ) {}

  /** Loads and reads what the run needs, so that its time is that of answering. @throws DomainError as `run`. */
  async prepare(ctx: RequestContext, run: EvaluationRunEntity, signal: AbortSignal): Promise<Candidate> {
    const suite = await this.suites.findById(ctx, run.suiteId);
    const model = await this.models.findVersionById(ctx, run.modelVersionId);
    const reward = run.rewardVersionId === null ? null : await this.models.findVersionById(ctx, run.rewardVersionId);
    await persist(() => this.runtime.load(ctx, model), signal);
    if (reward) await persist(() => this.runtime.load(ctx, reward), signal);
    const missing = await this.items.missing(ctx, suite, run, await this.evaluations.answeredItems(ctx, run.id));
    return { run, suite, model, reward, missing };
  }

  /**
   * @param record stores all answers to one item; called once per item, in any order
   * @throws DomainError when an item cannot be answered or graded; the signal's reason when it is aborted.
   */
  async run(ctx: RequestContext, candidate: Candidate, record: (samples: NewSample[]) => Promise<void>, signal: AbortSignal): Promise<void> {
    const missing = candidate.missing.values();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    setMaxListeners(0, either); // one per request in flight
    const lane = async () => {
      for (const item of missing) await record(await this.answer(ctx, candidate, item, either));
    };
    const lanes = Math.max(1, Math.floor(ANSWERS_IN_FLIGHT / candidate.run.sampling.n));
    // The first failure ends the other lanes' requests; it is the one to tell.
    const results = await Promise.allSettled(Array.from({ length: lanes }, () => lane().catch((error: unknown) => { failed.abort(error); throw error; })));
    if (results.some((result) => result.status === 'rejected')) throw either.reason;
  }

  /** What the stored answers add up to. */
  async results(ctx: RequestContext, run: EvaluationRunEntity): Promise<Totals & { gold: Estimate }> {
    const chosen = await this.evaluations.chosenGold(ctx, run.id);
    return { ...await this.evaluations.totals(ctx, run.id), gold: bootstrapMean(chosen.map((item) => item.gold)) };
  }

  private async answer(ctx: RequestContext, { run, suite, model, reward }: Candidate, item: EvaluationItem, signal: AbortSignal): Promise<NewSample[]> {
    const { n } = run.sampling;
    const responses = await Promise.all(Array.from({ length: n }, (_, sample) => this.ask(ctx, run, model, item, sample, signal)));
    const outputs = responses.map(outputOf);
    const conversations = outputs.map((output): ChatMessage[] => [...item.messages, { role: 'assistant', content: output }]);
    const rewards = reward && await persist(() => this.rewardModels.score(ctx, reward, conversations, signal), signal);
    const chosen = rewards ? rewards.indexOf(Math.max(...rewards)) : 0;
    return responses.map((response, sample) => ({
      item: item.index, sample, output: outputs[sample]!,
      gold: grade(suite.grader as ProgramGrader, { output: outputs[sample]!, item: item.row }),
      reward: rewards?.[sample] ?? null, chosen: sample === chosen,
      promptTokens: response.usage.prompt_tokens, completionTokens: response.usage.completion_tokens,
      finishReason: response.choices[0]!.finish_reason,
    }));
  }

  /** One request per answer, each with a seed of its own, so that every answer can be asked for again by itself. */
  private ask(ctx: RequestContext, run: EvaluationRunEntity, model: ModelVersionEntity, item: EvaluationItem, sample: number, signal: AbortSignal): Promise<ChatResponse> {
    const { temperature, maxTokens, seed } = run.sampling;
    const ownSeed = (seed * 1_000_003 + item.index * 1_009 + sample) % 2 ** 31;
    return persist(() => this.runtime.chat(ctx, model, { messages: item.messages, temperature, max_tokens: maxTokens, seed: ownSeed }, signal), signal);
  }
}

/** The answer's text. Postgres holds no NUL, and what is stored must be what was graded. */
function outputOf(response: ChatResponse): string {
  return (response.choices[0]!.message.content ?? '').replaceAll('\0', '\uFFFD');
}

/** Tries again while the runtime is away. */
async function persist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof DomainError && (error.code === 'unavailable' || error.code === 'upstream_failed');
      if (!away || attempt === TRIES) throw error;
      await wait(500 * 2 ** attempt, undefined, { signal });
    }
  }
}
