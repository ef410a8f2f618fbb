import type { CallRecord } from '../../src/calls/call-record.js';
import { type FeedbackInput, CallFeedbackService } from '../../src/calls/call-feedback.service.js';
import { logCalls } from './calls.js';
import type { Gateway } from './gateway.js';
import { contextOf } from './stub-model.js';

/** Logs as many calls of an arm, the i-th with what `of` says. @returns their ids. */
export async function logArm(gateway: Gateway, experimentId: string, arm: string, count: number, of: (index: number) => Partial<CallRecord> = () => ({})): Promise<string[]> {
  const calls = await logCalls(gateway, ...Array.from({ length: count }, (_, index) => ({ experimentId, arm, latencyMs: 100, cost: 0, ...of(index) })));
  return calls.map(({ id }) => id);
}

/** Judges calls, all at once. */
export async function judge(gateway: Gateway, feedback: FeedbackInput[]): Promise<void> {
  const ctx = await contextOf(gateway);
  await Promise.all(feedback.map((each) => gateway.app.get(CallFeedbackService).add(ctx, each)));
}
