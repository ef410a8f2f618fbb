import { SetMetadata } from '@nestjs/common';

export const RECONCILES = Symbol('RECONCILES');

/**
 * Marks a method `() => Promise<number>` that re-enqueues, from Postgres alone, what should be on a queue and may not be
 * (Redis wiped, a worker gone), and answers how many it found. Workers call it every few seconds; it must be idempotent.
 */
export const Reconciles = (): MethodDecorator => SetMetadata(RECONCILES, true);
