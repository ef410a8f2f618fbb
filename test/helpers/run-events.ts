import type { RunEvent } from '../../src/contracts/contracts.generated.js';
import type { Gateway } from './gateway.js';

type Body<T> = T extends RunEvent ? Omit<T, 'seq' | 'at'> : never;

/** Numbers events from `first` on. */
export const numbered = (events: Body<RunEvent>[], first = 1): object[] =>
  events.map((event, index) => ({ seq: first + index, at: new Date(1.7e12 + index * 1000).toISOString(), ...event }));

export const started = (resumedFromStep = 0): Body<RunEvent> =>
  ({ type: 'started', totalSteps: 6, resumedFromStep, trainRows: 32, evalRows: 8, trainableParameters: 100, device: 'cpu', versions: { torch: '2' } });
export const metrics = (step: number, values: Record<string, number | null> = { loss: 1 / step }): Body<RunEvent> =>
  ({ type: 'metrics', step, totalSteps: 6, elapsedSeconds: step, etaSeconds: 6 - step, metrics: values });
export const finished = (outcome: 'succeeded' | 'stopped' | 'guard_stopped' | 'failed' = 'succeeded'): Body<RunEvent> =>
  ({ type: 'finished', outcome, error: outcome === 'failed' ? { code: 'internal', message: 'boom' } : null, step: 6, seconds: 12.5, cpuSeconds: 20, trainedTokens: 999, peakMemoryBytes: 123_456_789 });

/** Posts a batch as a trainer does. */
export async function postEvents(gateway: Gateway, jobId: string, token: string, attempt: number, events: object[]): Promise<{ status: number; body: any }> {
  const response = await fetch(`${gateway.url}/internal/runs/${jobId}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ contractVersion: 1, attempt, events }),
  });
  return { status: response.status, body: await response.json() };
}
