import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypeID } from 'typeid-js';
import { CallFeedbackService } from '../../src/calls/call-feedback.service.js';
import { CallLog } from '../../src/calls/call-log.js';
import { callOf, logCalls, setLogging } from '../helpers/calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf } from '../helpers/stub-model.js';

const ADD = `mutation ($callId: ID, $requestId: String, $score: Float, $thumb: Boolean, $comment: String, $correctedAnswer: String, $over: ID, $metadata: JSONObject) {
  addCallFeedback(callId: $callId, requestId: $requestId, score: $score, thumb: $thumb, comment: $comment, correctedAnswer: $correctedAnswer, preferredOverCallId: $over, metadata: $metadata) {
    id callId principal score thumb comment correctedAnswer preferredOverCallId metadata call { id model } } }`;

/** An id of a call at a time. */
const idAt = (at: number): string => {
  const hex = at.toString(16).padStart(12, '0');
  return TypeID.fromUUID('call', `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-0123456789ab`).toString();
};

describe('feedback on calls', () => {
  let gateway: Gateway;
  beforeAll(async () => { gateway = await startGateway(); });
  afterAll(() => gateway.stop());

  const add = async (variables: Record<string, unknown>) => (await gateway.graphql(ADD, variables))['addCallFeedback'];
  const post = (body: object, key?: string) => gateway.fetch('/v1/feedback', { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) } });

  it('is taken before the call is in the log, and found with it afterwards', async () => {
    const record = callOf((await contextOf(gateway)).projectId);
    expect(await add({ callId: record.id, score: 0.5, metadata: { page: 'help' } })).toMatchObject({ callId: record.id, score: 0.5, thumb: null, metadata: { page: 'help' }, call: null });
    gateway.app.get(CallLog).add(record);
    await gateway.app.get(CallLog).flush();
    await add({ callId: record.id, thumb: false, comment: 'rude' });
    const { call } = await gateway.graphql('query ($id: ID!) { call(id: $id) { feedback { nodes { score thumb comment call { id } } } } }', { id: record.id });
    expect(call.feedback.nodes).toEqual([{ score: null, thumb: false, comment: 'rude', call: { id: record.id } }, { score: 0.5, thumb: null, comment: null, call: { id: record.id } }]);
  });

  it('names the call by the request\'s id too, once it is in the log', async () => {
    const [record] = await logCalls(gateway, {});
    expect(await add({ requestId: record!.requestId, thumb: true })).toMatchObject({ callId: record!.id });
    await expect(add({ requestId: 'req-of-nothing', thumb: true })).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('x-triad-call-id') });
  });

  it('names no call by a request id that several have, and says which they are', async () => {
    const records = await logCalls(gateway, ...Array.from({ length: 12 }, () => ({ requestId: 'turn-1' })));
    const newest = records.map(({ id }) => id).sort().reverse();
    const named = `"turn-1": ${newest.slice(0, 10).join(', ')} and older ones. Say by `;
    await expect(add({ requestId: 'turn-1', thumb: true })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`${named}callId`) });
    const response = await post({ request_id: 'turn-1', thumb: true });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ error: { code: 'conflict', message: expect.stringContaining(`${named}call_id`) } });
    await logCalls(gateway, { requestId: 'turn-2' }, { requestId: 'turn-2' });
    await expect(add({ requestId: 'turn-2', thumb: true })).rejects.toMatchObject({ code: 'conflict', message: expect.not.stringContaining('older') });
    expect(await add({ callId: newest[3], requestId: 'turn-1', thumb: true })).toMatchObject({ callId: newest[3] });
  });

  it('goes when its call has not come within an hour, and stays when it has', async () => {
    const record = callOf((await contextOf(gateway)).projectId);
    const [early, invented] = [await add({ callId: record.id, thumb: true }), await add({ callId: idAt(Date.now()), thumb: true })];
    const service = gateway.app.get(CallFeedbackService, { strict: false });
    const there = async () => (await gateway.graphql('{ callFeedback(first: 50) { nodes { id } } }'))['callFeedback'].nodes.map(({ id }: { id: string }) => id).filter((id: string) => [early.id, invented.id].includes(id));
    expect(await service.dropStrayAt(new Date(Date.now() + 3_500_000))).toBe(0);
    gateway.app.get(CallLog).add(record);
    await gateway.app.get(CallLog).flush();
    expect(await there()).toEqual([invented.id, early.id]);
    expect(await service.dropStrayAt(new Date(Date.now() + 3_700_000))).toBeGreaterThan(0);
    expect(await there()).toEqual([early.id]);
    expect(await service.dropStrayAt(new Date(Date.now() + 3_700_000))).toBe(0);
  });

  it('refuses what is no call, is too old, says nothing, or says too much', async () => {
    const [record] = await logCalls(gateway, {});
    const refused = async (variables: Record<string, unknown>, code: string, text: string) => expect(add(variables)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    await refused({ callId: 'prm_01kaxw8k2ze0wr3r1d1hyqv0aa', thumb: true }, 'bad_input', 'no id of a call');
    await refused({ callId: idAt(Date.now() - 3_600_000), thumb: true }, 'not_found', 'kept no longer');
    await refused({ callId: idAt(Date.now() + 3_600_000), thumb: true }, 'not_found', 'no call');
    await refused({ callId: record!.id }, 'bad_input', 'Say something');
    await refused({ thumb: true }, 'bad_input', 'by callId');
    await refused({ callId: record!.id, comment: ' ' }, 'bad_input', 'comment is empty');
    await refused({ callId: record!.id, correctedAnswer: 'x'.repeat(100_001) }, 'bad_input', 'at most 100000');
    await refused({ callId: record!.id, over: record!.id }, 'bad_input', 'over itself');
    await refused({ callId: record!.id, thumb: true, metadata: { a: 1 } }, 'bad_input', '"a" is none');
  });

  it('comes over REST with an annotator\'s key, and hides what the project\'s patterns find', async () => {
    await setLogging(gateway, 'metadata', [{ name: 'email' }]);
    const key = async (role: string) => (await gateway.graphql('mutation ($role: Role!) { createApiKey(name: "app", role: $role) { secret } }', { role }))['createApiKey'].secret as string;
    const [record] = await logCalls(gateway, {});
    const body = { call_id: record!.id, score: 4, thumb: true, comment: 'ask ann@example.com', corrected_answer: 'Write to bob@example.com' };
    const response = await post(body, await key('annotator'));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ object: 'call.feedback', call_id: record!.id, score: 4, thumb: true, comment: 'ask [email]', corrected_answer: 'Write to [email]', principal: expect.stringMatching(/^key:/) });
    expect((await post(body, await key('viewer'))).status).toBe(403);
    expect((await post({ ...body, scores: 1 })).status).toBe(400);
    expect((await post({ call_id: record!.id, score: 'NaN' })).status).toBe(400);
  });

  it.each([
    [{ thumb: true }, 400, 'call_id', 'by call_id (header x-triad-call-id) or by request_id'],
    [{ call_id: 'prm_01kaxw8k2ze0wr3r1d1hyqv0aa', thumb: true }, 400, 'call_id', 'no id of a call'],
    [{ call_id: 'CALL' }, 400, null, 'corrected_answer, preferred_over_call_id or preferred_over_answer'],
    [{ call_id: 'CALL', corrected_answer: ' ' }, 400, 'corrected_answer', 'corrected_answer is empty'],
    [{ call_id: 'CALL', preferred_over_call_id: 'CALL' }, 400, 'preferred_over_call_id', 'over itself'],
    [{ request_id: 'req-of-nobody', thumb: true }, 404, null, 'name it by call_id'],
  ])('over REST names fields as they were sent: %j', async (body, status, param, text) => {
    const [record] = await logCalls(gateway, {});
    const response = await post(JSON.parse(JSON.stringify(body).replaceAll('CALL', record!.id)) as object);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { param, message: expect.stringContaining(text) } });
  });

  it('is refused when the project\'s patterns take too long over it, and holds nobody up meanwhile', async () => {
    await setLogging(gateway, 'metadata', Array.from({ length: 4 }, (_, index) => ({ name: `p${index}`, pattern: `(?:a?){24${index}}[bz]` })));
    const [record] = await logCalls(gateway, {});
    let turns = 0;
    let ended = false;
    const count = () => { turns += 1; if (!ended) setImmediate(count); };
    count();
    await expect(add({ callId: record!.id, correctedAnswer: 'a'.repeat(100_000) })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('take too long') });
    ended = true;
    expect(turns).toBeGreaterThan(10);
    expect(await add({ callId: record!.id, comment: 'aaab' })).toMatchObject({ comment: '[p0]' });
    await setLogging(gateway, 'metadata');
  });

  it('is listed and filtered, and calls by it', async () => {
    const [good, bad, plain] = await logCalls(gateway, { model: 'judged' }, { model: 'judged' }, { model: 'judged' });
    await add({ callId: good!.id, score: 9, thumb: true, over: bad!.id });
    await add({ callId: bad!.id, score: 1, correctedAnswer: 'better' });
    const feedback = async (filter: object) => (await gateway.graphql('query ($filter: CallFeedbackFilter) { callFeedback(filter: $filter) { nodes { callId } } }', { filter }))['callFeedback'].nodes.map(({ callId }: { callId: string }) => callId);
    expect(await feedback({ minScore: 9 })).toEqual([good!.id]);
    expect(await feedback({ maxScore: 1, minScore: 1 })).toEqual([bad!.id]);
    expect(await feedback({ preferred: true })).toEqual([good!.id]);
    expect(await feedback({ callId: bad!.id, corrected: true })).toEqual([bad!.id]);
    const calls = async (filter: object) => (await gateway.graphql('query ($filter: CallFilter) { calls(filter: $filter) { nodes { id } } }', { filter: { model: 'judged', ...filter } }))['calls'].nodes.map(({ id }: { id: string }) => id);
    expect(await calls({ hasFeedback: false })).toEqual([plain!.id]);
    expect(await calls({ hasFeedback: true })).toEqual([bad!.id, good!.id]);
    expect(await calls({ thumb: true })).toEqual([good!.id]);
    expect(await calls({ minScore: 2 })).toEqual([good!.id]);
    expect(await calls({ maxScore: 2 })).toEqual([bad!.id]);
  });
});
