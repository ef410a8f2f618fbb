import { Cancellation, type CancelSignal } from '../../common/cancellation.js';
import { DomainError, type ErrorCode } from '../../common/errors.js';
import { type AttemptOutcome, countDeniedRetry } from './attempt-metrics.js';
import type { Pass } from './breaker.js';
import type { Candidate, Route } from './route.js';
import type { TargetHealth } from './target-health.js';
import { type Failed, type Verdict, verdictOfError } from './verdict.js';

/** What a call of the gateway does with one target. */
export interface Driver<T> {
  /**
   * Asks a target. A stream's answer is one when its first event is here, since nothing may be repeated later.
   * @param signal fires when the attempt is given up; also later, when the caller leaves while a stream goes on
   */
  attempt(candidate: Candidate, signal: CancelSignal): Promise<T>;
  judge(answer: T): Verdict;
  /** An answer that nobody will read. */
  discard?(answer: T): void;
}

/** What came of a call. */
export interface Answer<T> {
  answer: T;
  /** Who gave it. */
  candidate: Candidate;
  /** How many times a target was asked. */
  attempts: number;
  /** Until when a stream may go on, by `performance.now()`. */
  deadline: number;
}

/** No target answered. Its message tells what was tried. */
export class FailoverError extends DomainError {
  constructor(code: ErrorCode, message: string, readonly attempts: number, /** When asking again may help, milliseconds; null: not known. */ readonly retryAfterMs: number | null) {
    super(code, message, 'model');
    this.name = 'FailoverError';
  }
}

/** An attempt that took too long. */
class TimedOut extends DomainError {}

/** How one attempt ended: its answer, or why there is none. */
interface Attempted<T> {
  answer: T | undefined;
  error: unknown;
  failed: Failed | null;
}

/** One call over the targets of a route. */
export class FailoverRun<T> {
  private readonly deadline: number;
  private readonly tried: string[] = [];
  /** The whole call's time has ended; a timer may say so a little before the clock does. */
  private isOver = false;
  private attempts = 0;
  private candidates = 0;
  private repeats = 0;
  private resting = 0;
  private last: Attempted<T> | null = null;
  private lastCandidate: Candidate | null = null;
  private allBusy = true;
  private allAway = true;
  private retryAfterMs: number | null = null;

  constructor(
    private readonly health: TargetHealth,
    private readonly route: Route,
    private readonly signal: CancelSignal,
    private readonly driver: Driver<T>,
  ) {
    const now = performance.now();
    this.deadline = now + route.policy.timeouts.totalMs;
    health.budgetOf(route, now).deposit();
  }

  async over(candidates: Candidate[]): Promise<Answer<T>> {
    this.candidates = candidates.length;
    for (let index = 0; index < candidates.length; index += 1) {
      const answer = await this.ask(candidates[index]!, index + 1 < candidates.length);
      if (answer) return answer;
      if (this.isOver || performance.now() >= this.deadline) break;
    }
    return this.fail();
  }

  /** Asks one target, again where that may help. Null: on to the next. */
  private async ask(candidate: Candidate, hasNext: boolean): Promise<Answer<T> | null> {
    for (;;) {
      const { breaker } = this.route.policy;
      if (candidate.problem) return this.skip(candidate, candidate.problem.message);
      const pass = this.health.admit(candidate, breaker, performance.now());
      if (!pass) {
        this.resting += 1;
        return this.skip(candidate, 'left alone for its failures');
      }
      const attempted = await this.attempt(candidate, pass);
      const { failed } = attempted;
      if (!failed) {
        this.drop();
        return { answer: attempted.answer as T, candidate, attempts: this.attempts, deadline: this.deadline };
      }
      this.note(candidate, attempted, failed);
      const waitMs = this.waitBefore(candidate, failed, hasNext);
      if (waitMs === null) return null;
      await pause(waitMs, this.signal);
    }
  }

  private async attempt(candidate: Candidate, pass: Pass): Promise<Attempted<T>> {
    const { policy } = this.route;
    this.attempts += 1;
    let outcome: AttemptOutcome = 'given_up';
    try {
      const answer = await this.inTime(candidate);
      const verdict = this.driver.judge(answer);
      outcome = verdict.failed ? 'failed' : 'answered';
      return { answer, error: null, failed: verdict.failed ? verdict : null };
    } catch (error) {
      if (this.signal.aborted) throw this.signal.reason;
      const failed = verdictOfError(error);
      if (!failed) throw error;
      outcome = error instanceof TimedOut ? 'timed_out' : 'unreachable';
      return { answer: undefined, error, failed };
    } finally {
      this.health.settle(candidate, policy.breaker, pass, outcome, performance.now());
    }
  }

  /** The attempt, or its failure when it takes too long or the caller leaves; then it is aborted, and not waited for. */
  private inTime(candidate: Candidate): Promise<T> {
    const { signal, deadline } = this;
    if (signal.aborted) return Promise.reject(signal.reason);
    const own = new Cancellation();
    const attempting = this.driver.attempt(candidate, own);
    return new Promise((resolve, reject) => {
      const stop = (reason: Error) => {
        clearTimeout(timer);
        own.abort(reason);
        reject(reason);
      };
      const leave = () => stop(signal.reason);
      const { firstByteMs, totalMs } = this.route.policy.timeouts;
      const leftMs = Math.max(0, deadline - performance.now());
      const late = () => {
        this.isOver = leftMs <= firstByteMs;
        stop(new TimedOut('upstream_failed', this.isOver ? `no answer when the ${totalMs} ms of the call were over` : `no answer within ${firstByteMs} ms`));
      };
      const timer = setTimeout(late, Math.min(firstByteMs, leftMs));
      signal.addEventListener('abort', leave, { once: true });
      attempting.then((answer) => {
        clearTimeout(timer);
        if (own.aborted) this.driver.discard?.(answer);
        resolve(answer);
      }, (error: unknown) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        reject(asError(error));
      });
    });
  }

  private skip(candidate: Candidate, why: string): null {
    this.tried.push(`${candidate.name} (${why})`);
    this.allBusy = false;
    return null;
  }

  private note(candidate: Candidate, attempted: Attempted<T>, failed: Failed): void {
    this.drop();
    this.last = attempted;
    this.lastCandidate = candidate;
    this.tried.push(`${candidate.name} (${failed.why})`);
    this.allBusy &&= failed.busy;
    this.allAway &&= attempted.error instanceof DomainError && attempted.error.code === 'unavailable';
    if (failed.retryAfterMs !== null) this.retryAfterMs = Math.min(this.retryAfterMs ?? Infinity, failed.retryAfterMs);
  }

  /** Nobody will read the last answer. */
  private drop(): void {
    if (this.last?.answer !== undefined) this.driver.discard?.(this.last.answer);
  }

  /**
   * How long to wait before the same target is asked again; null: not at all. One that asks for patience is not waited
   * for while there is another.
   */
  private waitBefore(candidate: Candidate, { again, retryAfterMs }: Failed, hasNext: boolean): number | null {
    const { retries } = this.route.policy;
    if (!again || this.isOver || this.repeats >= retries.max) return null;
    if (retryAfterMs !== null && (hasNext || retryAfterMs > retries.retryAfterCapMs)) return null;
    const waitMs = Math.max(retryAfterMs ?? 0, Math.random() * Math.min(retries.backoffCapMs, retries.backoffBaseMs * 2 ** this.repeats));
    const now = performance.now();
    if (now + waitMs >= this.deadline) return null;
    if (!this.health.budgetOf(this.route, now).take(retries, now)) {
      countDeniedRetry(candidate.provider);
      return null;
    }
    this.repeats += 1;
    return waitMs;
  }

  /** An only target's failure is told as it is; else what was tried. */
  private fail(): Answer<T> {
    const { last, lastCandidate } = this;
    if (this.candidates === 1 && last && this.resting === 0) {
      if (last.answer === undefined && !(last.error instanceof TimedOut)) throw last.error as Error;
      if (last.answer !== undefined) return { answer: last.answer, candidate: lastCandidate!, attempts: this.attempts, deadline: this.deadline };
    }
    this.drop();
    const code = this.attempts === 0 || this.allAway ? 'unavailable' : this.allBusy ? 'rate_limited' : 'upstream_failed';
    const restingMs = this.resting === this.tried.length ? this.route.policy.breaker!.openSeconds * 1000 : null;
    throw new FailoverError(code, `No target answered. Tried: ${this.tried.join('; ')}.`, this.attempts, this.retryAfterMs ?? restingMs);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** @throws the signal's reason when it fires. */
function pause(ms: number, signal: CancelSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, ms);
    signal.addEventListener('abort', leave, { once: true });
  });
}
