import { DomainError } from '../common/errors.js';
import type { RunFailure } from '../common/run-state.js';
import type { FinishedEvent } from '../contracts/contracts.generated.js';
import type { TrainerExit } from './executors/process.executor.js';

/** A running job whose worker has not been heard of for longer is free to be claimed again. Seconds of database time. */
export const STALE_AFTER_SECONDS = 20;
/** A job ends after this many attempts that ended for no fault of its own: more of the same would not help. */
export const MAX_LOST_ATTEMPTS = 3;

/** What an attempt comes to. `lost` attempts count towards MAX_LOST_ATTEMPTS; `stderr` is what the trainer said last, if it matters. */
export type RunEnd =
  | { as: 'succeeded' }
  | { as: 'failed'; failure: RunFailure; stderr: string }
  | { as: 'requeued'; why: string; lost: boolean; discardCheckpointId?: string; stderr: string };

/** Exit statuses of `python -m triad_trainer run` that name an error of their own. */
const ERROR_OF_EXIT: Record<number, string> = {
  20: 'bad_spec', 21: 'bad_data', 22: 'bad_model', 23: 'bad_checkpoint', 30: 'out_of_memory', 31: 'disk_full', 32: 'diverged',
};
const NO_SPACE = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const EXIT_STOPPED = 10;
const EXIT_FENCED = 11;

/**
 * What becomes of a running job whose worker may be gone. A trainer outlives its worker for a moment: what it completed counts.
 * @returns null to leave it alone.
 */
export function classifyStaleRun(run: { silentSeconds: number; lostAttempts: number } & Pick<AttemptResult, 'finished' | 'hasArtefact'>): RunEnd | null {
  if (run.silentSeconds < STALE_AFTER_SECONDS) return null;
  if (isComplete(run)) return { as: 'succeeded' };
  return lostAttempt(run.lostAttempts, { code: 'worker_lost', message: `The worker was not heard of for ${Math.round(run.silentSeconds)} s.` });
}

/** What the trainer left behind when its process ended. */
export interface AttemptResult {
  exit: TrainerExit;
  /** Its `finished` event, if one was stored. */
  finished: Pick<FinishedEvent, 'outcome' | 'error'> | null;
  /** Whether its artefact event was stored. */
  hasArtefact: boolean;
  /** The checkpoint it went on from; null for a fresh start. */
  checkpointId: string | null;
  lostAttempts: number;
  /** Whether the worker asked it to stop because it shuts down itself. */
  workerStopping: boolean;
}

/** What becomes of a job whose trainer has ended: its own last word decides, and the exit status where there is none. */
export function classifyEnd(result: AttemptResult): RunEnd {
  const { exit, finished } = result;
  if (isComplete(result)) return { as: 'succeeded' };
  // A trainer that was told to stop before it had taken its job over ends with status 0.
  const stopped = finished?.outcome === 'stopped' || exit.code === EXIT_STOPPED || exit.signal === 'SIGTERM' || (exit.code === 0 && !finished);
  if (stopped && result.workerStopping) return { as: 'requeued', why: 'The worker shuts down.', lost: false, stderr: '' };
  const failure = failureOf(exit, finished);
  if (failure.code === 'bad_checkpoint' && result.checkpointId !== null) {
    return { as: 'requeued', why: `${failure.message} The checkpoint is discarded.`, lost: false, discardCheckpointId: result.checkpointId, stderr: exit.stderr };
  }
  if (failure.code === 'internal' || failure.code === 'bad_checkpoint') return lostAttempt(result.lostAttempts, failure, exit.stderr);
  return { as: 'failed', failure, stderr: exit.stderr };
}

/** What becomes of a job whose trainer could not be prepared or started. */
export function classifyError(error: unknown, lostAttempts: number): RunEnd {
  if (error instanceof DomainError) return { as: 'failed', failure: { code: error.code, message: error.message }, stderr: '' };
  const { code, message = String(error) } = error as { code?: unknown; message?: string };
  if (typeof code === 'string' && NO_SPACE.includes(code)) {
    return { as: 'failed', failure: { code: 'disk_full', message: `The disk is full: ${message}. Free some space and create the job again.` }, stderr: '' };
  }
  return lostAttempt(lostAttempts, { code: 'internal', message });
}

/** Tries again, unless that has been done often enough. */
export function lostAttempt(lostAttempts: number, failure: RunFailure, stderr = ''): RunEnd {
  if (lostAttempts + 1 < MAX_LOST_ATTEMPTS) return { as: 'requeued', why: failure.message, lost: true, stderr };
  return { as: 'failed', failure: { code: failure.code, message: `${failure.message} This was attempt ${MAX_LOST_ATTEMPTS} to end so; create the job again once the cause is mended.` }, stderr };
}

function isComplete({ finished, hasArtefact }: Pick<AttemptResult, 'finished' | 'hasArtefact'>): boolean {
  return hasArtefact && (finished?.outcome === 'succeeded' || finished?.outcome === 'guard_stopped');
}

function failureOf(exit: TrainerExit, finished: AttemptResult['finished']): RunFailure {
  if (finished?.error) return finished.error;
  const code = (exit.code !== null && ERROR_OF_EXIT[exit.code]) || 'internal';
  return { code, message: messageOf(exit, finished) };
}

function messageOf(exit: TrainerExit, finished: AttemptResult['finished']): string {
  if (exit.signal === 'SIGKILL') return 'The trainer was killed (SIGKILL), most often by the system because memory ran out.';
  if (exit.signal) return `The trainer was ended by ${exit.signal}.`;
  if (exit.code === EXIT_FENCED) return 'The gateway refused the trainer\'s events.';
  if (exit.code === EXIT_STOPPED || finished?.outcome === 'stopped') return 'The trainer stopped with a checkpoint though nobody here had asked it to.';
  if (exit.code === 0) return 'The trainer ended without an artefact.';
  const last = exit.stderr.trim().split('\n').at(-1);
  return `The trainer ended with status ${exit.code}${last ? `: ${last}` : '.'}`;
}
