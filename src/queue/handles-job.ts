import { SetMetadata } from '@nestjs/common';
import type { JobName, JobPayload } from './jobs.js';

export const HANDLES_JOB = Symbol('HANDLES_JOB');

/** Marks a method of a provider as the handler of a job; the worker refuses to start unless each job has exactly one. */
export const HandlesJob = (job: JobName): MethodDecorator => SetMetadata(HANDLES_JOB, job);

/** A handler gets the ids and a signal that fires when the worker shuts down; throwing has the message tried again. */
export type JobHandler = (payload: JobPayload, signal: AbortSignal) => Promise<void>;
