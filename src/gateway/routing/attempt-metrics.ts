import { Counter } from 'prom-client';

export const ATTEMPT_OUTCOMES = ['answered', 'failed', 'unreachable', 'timed_out', 'given_up', 'broke_off'] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** Tenants name providers: beyond so many the rest is one. */
const PROVIDERS = 200;

/** Counted in plain numbers, since a counter's look-up of labels would be most of what an attempt costs. */
const counts = new Map<string, Record<AttemptOutcome | 'denied', number>>();

const countsOf = (provider: string) => {
  let found = counts.get(provider);
  if (!found && counts.size >= PROVIDERS) found = counts.get(provider = 'other');
  if (!found) counts.set(provider, found = { answered: 0, failed: 0, unreachable: 0, timed_out: 0, given_up: 0, broke_off: 0, denied: 0 });
  return found;
};

export const countAttempt = (provider: string, outcome: AttemptOutcome): void => { countsOf(provider)[outcome] += 1; };
export const countDeniedRetry = (provider: string): void => { countsOf(provider).denied += 1; };

new Counter({
  name: 'triad_gateway_attempts_total', labelNames: ['provider', 'outcome'] as const,
  help: 'Attempts at targets: answered (a refusal of the caller\'s own fault included), failed (status), unreachable, timed_out, given_up (the caller left), and streams that broke_off after they were answered',
  collect() {
    this.reset();
    for (const [provider, of] of counts) for (const outcome of ATTEMPT_OUTCOMES) if (of[outcome] > 0) this.inc({ provider, outcome }, of[outcome]);
  },
});

new Counter({
  name: 'triad_gateway_retries_denied_total', labelNames: ['provider'] as const,
  help: 'Repeats that the retry budget of a deployment did not allow',
  collect() {
    this.reset();
    for (const [provider, { denied }] of counts) if (denied > 0) this.inc({ provider }, denied);
  },
});
