import { newId } from '../../src/common/ids.js';
import type { CallRecord } from '../../src/calls/call-record.js';
import { CallLog } from '../../src/calls/call-log.js';
import type { Gateway } from './gateway.js';
import { contextOf } from './stub-model.js';

/** A call that went well, of a project. */
export const callOf = (projectId: string, given: Partial<CallRecord> = {}): CallRecord => ({
  id: newId('call'), projectId, at: Date.now(), principal: 'key:test', requestId: newId('call').slice(5), operation: 'chat', model: 'house', target: 'openai/gpt-test',
  deploymentId: null, providerId: null, modelVersionId: null, promptVersionId: null, promptMessages: 0, variables: null, experimentId: null, arm: null, stickyKey: null, metadata: null,
  status: 200, errorCode: null, streamed: false, cached: false, attempts: 1, latencyMs: 12.5, firstTokenMs: null, promptTokens: 10, completionTokens: 5, cost: 0.001, request: null, answer: null,
  ...given,
});

export const asked = (...messages: [role: string, content: unknown][]) => ({ model: 'gpt-test', messages: messages.map(([role, content]) => ({ role, content })) });
export const answered = (content: string | null, more: object = {}) => ({ id: 'chatcmpl-1', object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content, ...more }, finish_reason: 'stop' }] });

/** Logs calls of the gateway's key's project, and waits until they are written. */
export async function logCalls(gateway: Gateway, ...given: Partial<CallRecord>[]): Promise<CallRecord[]> {
  const { projectId } = await contextOf(gateway);
  const records = given.map((each) => callOf(projectId, each));
  const log = gateway.app.get(CallLog);
  records.forEach((record) => log.add({ ...record }));
  await log.flush();
  return records;
}

export const setLogging = (gateway: Gateway, mode: string, redactions: object[] = [], retentionDays: number | null = null) => gateway.graphql(
  'mutation ($mode: CallLogging!, $redactions: [RedactionSettingInput!]!, $days: Int) { setCallLogging(mode: $mode, redactions: $redactions, retentionDays: $days) { mode retentionDays redactions { name pattern replacement } } }',
  { mode, redactions, days: retentionDays });
