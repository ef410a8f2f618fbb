import { describe, expect, it } from 'vitest';
import { DomainError } from '../common/errors.js';
import { type AttemptResult, classifyEnd, classifyError, classifyStaleRun, MAX_LOST_ATTEMPTS, STALE_AFTER_SECONDS } from './run-policy.js';

const result = (exit: Partial<AttemptResult['exit']>, rest: Partial<AttemptResult> = {}): AttemptResult => ({
  exit: { code: null, signal: null, stderr: '', ...exit }, finished: null, hasArtefact: false, checkpointId: null, lostAttempts: 0, workerStopping: false, ...rest,
});
const failedWith = (code: NonNullable<NonNullable<AttemptResult['finished']>['error']>['code']) => ({ outcome: 'failed' as const, error: { code, message: `because of ${code}` } });
const done = { outcome: 'succeeded' as const, error: null };

describe('a run whose worker fell silent', () => {
  const run = { silentSeconds: STALE_AFTER_SECONDS, lostAttempts: 0, finished: null, hasArtefact: false };

  it('is left alone until the time is up, and then queued again', () => {
    expect(classifyStaleRun({ ...run, silentSeconds: STALE_AFTER_SECONDS - 0.1 })).toBeNull();
    expect(classifyStaleRun(run)).toMatchObject({ as: 'requeued', lost: true });
  });

  it('fails once as many attempts were lost as may be', () => {
    expect(classifyStaleRun({ ...run, lostAttempts: MAX_LOST_ATTEMPTS - 2 })).toMatchObject({ as: 'requeued' });
    expect(classifyStaleRun({ ...run, lostAttempts: MAX_LOST_ATTEMPTS - 1 })).toMatchObject({ as: 'failed', failure: { code: 'worker_lost' } });
  });

  it('succeeds when its trainer had completed', () => {
    expect(classifyStaleRun({ ...run, finished: done, hasArtefact: true })).toEqual({ as: 'succeeded' });
    expect(classifyStaleRun({ ...run, finished: done })).toMatchObject({ as: 'requeued' });
  });
});

describe('a trainer that ended', () => {
  it.each([
    ['succeeded', result({ code: 0 }, { finished: done, hasArtefact: true })],
    ['a guard stopped it', result({ code: 13 }, { finished: { outcome: 'guard_stopped', error: null }, hasArtefact: true })],
    ['its last events came from the spool', result({ code: 12 }, { finished: done, hasArtefact: true })],
    ['it finished while the worker shuts down', result({ code: 0 }, { finished: done, hasArtefact: true, workerStopping: true })],
  ])('made something: %s', (_, ended) => {
    expect(classifyEnd(ended)).toEqual({ as: 'succeeded' });
  });

  it.each([
    ['with a checkpoint', result({ code: 10 }, { finished: { outcome: 'stopped', error: null }, workerStopping: true })],
    ['before its spec came', result({ code: 0 }, { workerStopping: true })],
    ['before it could handle the signal', result({ signal: 'SIGTERM' }, { workerStopping: true })],
  ])('was stopped by the shutdown %s: queued again, and nothing is held against the job', (_, ended) => {
    expect(classifyEnd(ended)).toMatchObject({ as: 'requeued', lost: false });
  });

  it.each(['bad_spec', 'bad_data', 'bad_model', 'out_of_memory', 'disk_full', 'diverged'] as const)('%s is not tried again', (code) => {
    expect(classifyEnd(result({ code: 1 }, { finished: failedWith(code) }))).toMatchObject({ as: 'failed', failure: { code, message: `because of ${code}` } });
  });

  it.each([[20, 'bad_spec'], [21, 'bad_data'], [22, 'bad_model'], [30, 'out_of_memory'], [31, 'disk_full'], [32, 'diverged']])('exit status %i alone says %s', (code, failure) => {
    expect(classifyEnd(result({ code, stderr: 'first\nlast line' }))).toMatchObject({ as: 'failed', failure: { code: failure, message: expect.stringContaining('last line') } });
  });

  it.each([
    ['internal', result({ code: 1 }, { finished: failedWith('internal') })],
    ['killed', result({ signal: 'SIGKILL' })],
    ['crashed', result({ signal: 'SIGSEGV' })],
    ['no artefact', result({ code: 0 })],
    ['stopped by nobody here', result({ code: 10 }, { finished: { outcome: 'stopped', error: null } })],
    ['events refused', result({ code: 11 })],
    ['a checkpoint it did not ask for', result({ code: 23 }, { finished: failedWith('bad_checkpoint') })],
  ])('%s is tried again, but not for ever', (_, ended) => {
    expect(classifyEnd(ended)).toMatchObject({ as: 'requeued', lost: true });
    expect(classifyEnd({ ...ended, lostAttempts: MAX_LOST_ATTEMPTS - 1 })).toMatchObject({ as: 'failed' });
  });

  it('goes on from the checkpoint before a bad one', () => {
    const ended = result({ code: 23 }, { finished: failedWith('bad_checkpoint'), checkpointId: 'ckpt_1', lostAttempts: MAX_LOST_ATTEMPTS - 1 });
    expect(classifyEnd(ended)).toMatchObject({ as: 'requeued', lost: false, discardCheckpointId: 'ckpt_1' });
  });
});

describe('an error before the trainer ran', () => {
  it.each([
    ['what the job asks for', new DomainError('bad_data', 'row 3'), { as: 'failed', failure: { code: 'bad_data', message: 'row 3' } }],
    ['a full disk', Object.assign(new Error('write'), { code: 'ENOSPC' }), { as: 'failed', failure: { code: 'disk_full' } }],
    ['anything else', new Error('boom'), { as: 'requeued', why: 'boom', lost: true }],
  ])('%s', (_, error, end) => {
    expect(classifyError(error, 0)).toMatchObject(end);
  });
});
