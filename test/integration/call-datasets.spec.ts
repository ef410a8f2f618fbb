import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CallRecord } from '../../src/calls/call-record.js';
import { answered, asked, logCalls, setLogging } from '../helpers/calls.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const CREATE = `mutation ($input: CreateDatasetFromCallsInput!) { createDatasetFromCalls(input: $input) { calls duplicates leftOut { reason count }
  version { id rows format licence preview { nodes { row } } } } }`;

describe('data sets made of calls', () => {
  let gateway: Gateway;
  let promptVersionId: string;
  let model: string;
  let count = 0;
  beforeAll(async () => {
    gateway = await startGateway();
    await setLogging(gateway, 'full');
    promptVersionId = (await gateway.graphql('mutation { createPromptVersion(input: { name: "house", messages: [{ role: system, content: "You are a house." }, { role: user, content: "{{sentence}}" }] }) { id } }'))['createPromptVersion'].id;
  });
  afterAll(() => gateway.stop());
  beforeEach(() => { model = `of-test-${count += 1}`; });

  const log = (...given: Partial<CallRecord>[]) => logCalls(gateway, ...given.map((each) => ({ model, ...each })));
  const judge = (callId: string, more: Record<string, unknown>) => gateway.graphql(
    'mutation ($callId: ID!, $score: Float, $thumb: Boolean, $correctedAnswer: String, $over: ID, $answer: String) { addCallFeedback(callId: $callId, score: $score, thumb: $thumb, correctedAnswer: $correctedAnswer, preferredOverCallId: $over, preferredOverAnswer: $answer) { id } }', { callId, ...more });
  const create = async (input: Record<string, unknown>) => {
    const { createDatasetFromCalls: made } = await gateway.graphql(CREATE, { input: { name: `set-${count}`, licence: 'own', filter: { model }, ...input } });
    return { ...made, rows: made.version.preview.nodes.map(({ row }: { row: object }) => row), leftOut: Object.fromEntries(made.leftOut.map(({ reason, count: each }: { reason: string; count: number }) => [reason, each])) };
  };
  const lamp = (sentence: string, answer: string, more: Partial<CallRecord> = {}): Partial<CallRecord> => ({
    request: asked(['system', 'You are a house.'], ['user', sentence]), answer: answered(answer), promptVersionId, promptMessages: 2, variables: { sentence }, ...more,
  });

  it('teach good answers and corrections, with the prompt folded in, and say what was left out', async () => {
    const [good, corrected, bad, scored, silent, failed, tools, image] = await log(
      lamp('on', 'lamp on'), lamp('off', 'lamp on'), lamp('dim', 'no'), lamp('red', 'lamp red'), lamp('blue', 'lamp blue'), lamp('x', '', { status: 502, errorCode: 'upstream_failed', answer: null }),
      lamp('y', '', { answer: answered(null, { tool_calls: [{}] }) }), { request: asked(['user', [{ type: 'image_url', image_url: { url: 'https://x/y.png' } }]]), answer: answered('a cat') });
    await judge(good!.id, { thumb: true });
    await judge(corrected!.id, { thumb: true });
    await judge(corrected!.id, { correctedAnswer: 'lamp of' });
    await judge(corrected!.id, { correctedAnswer: 'lamp off' });
    await judge(bad!.id, { thumb: true });
    await judge(bad!.id, { thumb: false });
    for (const score of [5, 3]) await judge(scored!.id, { score });
    for (const call of [failed!, tools!, image!]) await judge(call.id, { thumb: true });
    expect(silent).toBeDefined();
    const prompt = (content: string) => [{ role: 'system', content: 'You are a house.' }, { role: 'user', content }];
    const made = await create({ kind: 'sft', minScore: 4 });
    expect(made).toMatchObject({ calls: 7, duplicates: 0, leftOut: { failed: 1, not_text: 2, not_good: 1 }, version: { format: 'sft', licence: 'own', rows: 3 } });
    expect(made.rows).toEqual([{ prompt: prompt('red'), completion: 'lamp red' }, { prompt: prompt('off'), completion: 'lamp off' }, { prompt: prompt('on'), completion: 'lamp on' }]);
    const plain = await create({ kind: 'sft', includeCorrections: false });
    expect(plain.rows).toEqual([{ prompt: prompt('on'), completion: 'lamp on' }]);
    const { lineage } = await gateway.graphql('query ($id: ID!) { lineage(type: dataset_version, id: $id) { edges { from relation } } }', { id: made.version.id });
    expect(lineage.edges).toEqual([{ from: promptVersionId, relation: 'data_derived' }]);
  });

  it('strip what the registered prompt made: the caller\'s messages stay, or the variables', async () => {
    const [whole, more] = await log(lamp('on', 'lamp on'), { ...lamp('off', 'lamp off'), request: asked(['system', 'You are a house.'], ['user', 'Off!']), promptMessages: 1 });
    for (const call of [whole!, more!]) await judge(call.id, { thumb: true });
    expect((await create({ kind: 'sft', prompt: 'stripped' })).rows).toEqual([{ prompt: [{ role: 'user', content: 'Off!' }], completion: 'lamp off' }, { input: { sentence: 'on' }, completion: 'lamp on' }]);
  });

  it('pair a correction with the answer, and an answer with what it was preferred over', async () => {
    const [corrected, better, worse, elsewhere, alone] = await log(lamp('on', 'no'), lamp('off', 'lamp off'), lamp('OFF ', 'lamp on'), lamp('dim', 'x'), lamp('red', 'lamp red'));
    await judge(corrected!.id, { correctedAnswer: 'lamp on' });
    await judge(better!.id, { over: worse!.id });
    await judge(better!.id, { over: elsewhere!.id });
    await judge(alone!.id, { answer: 'lamp blue' });
    await judge(alone!.id, { answer: 'lamp red' });
    await judge(elsewhere!.id, { thumb: true });
    const made = await create({ kind: 'preference', prompt: 'stripped' });
    expect(made).toMatchObject({ leftOut: { other_prompt: 1, same_answers: 1, no_pair: 1 }, version: { format: 'preference', rows: 3 } });
    expect(made.rows).toEqual([
      { input: { sentence: 'red' }, chosen: 'lamp red', rejected: 'lamp blue' }, { input: { sentence: 'off' }, chosen: 'lamp off', rejected: 'lamp on' }, { input: { sentence: 'on' }, chosen: 'lamp on', rejected: 'no' },
    ]);
  });

  it('hold what asks the same once, or as often as it is answered otherwise', async () => {
    for (const call of await log(lamp('on', 'lamp on'), lamp(' ON', 'lamp  ON'), lamp('on', 'the lamp'))) await judge(call.id, { thumb: true });
    expect(await create({ kind: 'sft' })).toMatchObject({ duplicates: 1, version: { rows: 2 } });
    expect(await create({ kind: 'sft', dedupe: 'prompt' })).toMatchObject({ duplicates: 2, version: { rows: 1 } });
    expect(await create({ kind: 'sft', dedupe: 'none' })).toMatchObject({ duplicates: 0, version: { rows: 3 } });
    expect(await create({ kind: 'sft', dedupe: 'none', limit: 2 })).toMatchObject({ calls: 2, version: { rows: 2 } });
  });

  it('take completions, Anthropic\'s messages and parts of text', async () => {
    const calls = await log(
      { operation: 'completion', request: { prompt: 'Once upon' }, answer: { choices: [{ text: 'a time' }] } },
      { operation: 'message', request: { system: 'Be brief.', messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] }, answer: { type: 'message', content: [{ type: 'text', text: 'Hello' }] } });
    for (const call of calls) await judge(call.id, { thumb: true });
    expect((await create({ kind: 'sft' })).rows).toEqual([
      { prompt: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hi' }], completion: 'Hello' }, { prompt: [{ role: 'user', content: 'Once upon' }], completion: 'a time' },
    ]);
  });

  it('need calls that were kept in full, and say so', async () => {
    await setLogging(gateway, 'metadata');
    const [record] = await log(lamp('on', 'lamp on'));
    await setLogging(gateway, 'full');
    await expect(create({ kind: 'sft' })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('has feedback') });
    await judge(record!.id, { thumb: true });
    await expect(create({ kind: 'sft' })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('setCallLogging(mode: full)') });
    await expect(create({ kind: 'sft', licence: 'made-up' })).rejects.toMatchObject({ code: 'licence_refused' });
  });
});
