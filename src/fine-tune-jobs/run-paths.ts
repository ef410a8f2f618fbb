import { join } from 'node:path';

/** Directory of one attempt, relative to TRIAD_HOME; the trainer writes nowhere else (contracts/job-spec.schema.json, outputDir). */
export const attemptDirectory = (jobId: string, attempt: number): string => join('runs', jobId, `attempt-${attempt}`);

/** Where the trainer puts a checkpoint, relative to TRIAD_HOME. What it reports as `path` is never followed. */
export const checkpointDirectory = (jobId: string, attempt: number, step: number): string =>
  join(attemptDirectory(jobId, attempt), 'checkpoints', `step-${step}`);

/** Where the trainer puts its result, relative to TRIAD_HOME. */
export const artefactDirectory = (jobId: string, attempt: number): string => join(attemptDirectory(jobId, attempt), 'artefact');
