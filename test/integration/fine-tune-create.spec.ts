import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJob, prepareInputs, readJob, sentences, sftInput, uploadDataset } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { registerStubModel, registerStubReward } from '../helpers/stub-model.js';

const CALL = { type: 'function_call', input: '{{sample.output_text}}', reference: '{{item.expected}}' };

describe('creating a fine-tune job', () => {
  let gateway: Gateway;
  let rewardId: string;
  let baseId: string;

  beforeAll(async () => {
    gateway = await startGateway();
    baseId = (await registerStubModel(gateway, 'tiny')).id;
    rewardId = (await registerStubReward(gateway, 'judge')).id;
    await gateway.graphql('mutation { registerBaseModel(input: { name: "closed", source: "tiny", licence: "proprietary" }) { id } }');
    await prepareInputs(gateway);
    await gateway.graphql('mutation { createPromptVersion(input: { name: "other", messages: [{ role: user, content: "In {{room}}: {{sentence}}" }] }) { id } }');
    const pairs = sentences(100, 120).map((row) => ({ ...row, completion: undefined, chosen: 'on(lamp)', rejected: 'off(lamp)' }));
    await uploadDataset(gateway, 'pairs', pairs, { format: 'preference' });
    await uploadDataset(gateway, 'pairs-held', pairs, { format: 'preference', holdout: 0.3 });
    const items = sentences(200, 220).map((row) => ({ ...row, completion: undefined, expected: 'on(lamp)' }));
    await uploadDataset(gateway, 'items', items, { format: 'prompt' });
    await uploadDataset(gateway, 'sealed', sentences(300, 310), { sealed: true });
    await uploadDataset(gateway, 'chats', [{ messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'ho' }] }]);
  });
  afterAll(() => gateway.stop());

  it('fills in what was left out, and tells it', async () => {
    const { hyperparameters: _, lora: __, seed: ___, ...input } = sftInput(1);
    const id = await createJob(gateway, input);
    const { fineTuneJob } = await gateway.graphql(`query ($id: ID!) { fineTuneJob(id: $id) {
      method totalSteps settings registerAs createdBy startsFrom { name } dataset { name rows holdoutRows } prompt { name version } } }`, { id });
    const { rows, holdoutRows } = fineTuneJob.dataset;
    expect(fineTuneJob).toMatchObject({
      method: 'sft', totalSteps: Math.ceil((3 * (rows - holdoutRows)) / 16), registerAs: 'tuned', createdBy: expect.stringMatching(/^key:/),
      startsFrom: { name: 'tiny' }, prompt: { name: 'call', version: 1 }, settings: { seed: 0, hyperparameters: { batchSize: 16, learningRate: 2e-4 }, lora: { r: 16, alpha: 32 } },
    });
  });

  it.each([
    ['dpo on pairs', { method: 'dpo', dataset: 'datasets:/pairs' }],
    ['a reward model on pairs with some held out', { method: 'reward', dataset: 'datasets:/pairs-held', reward: { layers: 1 } }],
    ['grpo on a grader', { method: 'grpo', dataset: 'datasets:/items', rl: { reward: CALL, groupSize: 2 } }],
    ['rows that hold their own messages', { dataset: 'datasets:/chats', prompt: null }],
  ])('takes %s', async (_, input) => {
    expect(await readJob(gateway, await createJob(gateway, { ...sftInput(2), ...input }))).toMatchObject({ status: 'queued' });
  });

  it('takes grpo on a reward model', async () => {
    const rl = { reward: { type: 'reward_model', modelVersionId: rewardId }, groupSize: 2 };
    expect(await createJob(gateway, { ...sftInput(2), method: 'grpo', dataset: 'datasets:/items', rl })).toMatch(/^ftjob_/);
  });

  it.each([
    ['an unknown model', { model: 'models:/nobody/1' }, 'not_found', 'There is no model "nobody"'],
    ['an unknown version', { model: 'models:/tiny/7' }, 'not_found', 'The newest is 1'],
    ['a model that is none', { model: 'tiny' }, 'bad_reference', 'models:/NAME/3'],
    ['a reward model to start from', { model: 'models:/judge' }, 'bad_input', 'is a reward model; start from a base or an adapter'],
    ['a model whose licence bars fine-tuning', { model: 'models:/closed' }, 'licence_refused', 'bars fine-tuning'],
    ['an unknown data set', { dataset: 'datasets:/none' }, 'not_found', 'There is no data set "none"'],
    ['a sealed data set', { dataset: 'datasets:/sealed' }, 'sealed', 'measured on, never trained on'],
    ['data of another format', { dataset: 'datasets:/pairs' }, 'bad_input', 'Method sft trains on data of format sft; pairs/1 is of format preference.'],
    ['a reward model with nothing held out', { method: 'reward', dataset: 'datasets:/pairs' }, 'bad_input', 'holds out none'],
    ['no prompt for rows with variables', { prompt: null }, 'bad_input', 'hold variables (sentence)'],
    ['a prompt with a variable that the rows lack', { prompt: 'prompts:/other/1' }, 'undefined_variable', '{{room}}'],
    ['a prompt for rows that need none', { dataset: 'datasets:/chats' }, 'bad_input', 'leave prompt out'],
    ['an unknown prompt', { prompt: 'prompts:/none/1' }, 'not_found', 'There is no prompt "none"'],
    ['a name that is none', { registerAs: 'a name' }, 'bad_input', 'is not a name'],
    ['steps out of range', { hyperparameters: { maxSteps: 0 } }, 'bad_input', 'hyperparameters.maxSteps must be >= 1'],
    ['grpo without a grader', { method: 'grpo', dataset: 'datasets:/items' }, 'bad_input', 'needs rl'],
    ['a grader that is none', { method: 'grpo', dataset: 'datasets:/items', rl: { reward: { type: 'python' } } }, 'bad_input', 'type must be one of'],
    ['a grader of a column that the rows lack', { method: 'grpo', dataset: 'datasets:/items', rl: { reward: { ...CALL, reference: '{{item.answer}}' }, groupSize: 2 } }, 'bad_input', '{{item.answer}}'],
    ['gold with nothing held out', { method: 'grpo', dataset: 'datasets:/items', rl: { reward: CALL, gold: CALL, groupSize: 2 } }, 'bad_input', 'rl.gold is measured on held-out rows'],
  ])('refuses %s', async (_, input, code, message) => {
    await expect(createJob(gateway, { ...sftInput(2), ...input })).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('refuses a grader of a model that is no reward model, or of another project', async () => {
    const by = (modelVersionId: string) => createJob(gateway, { ...sftInput(2), method: 'grpo', dataset: 'datasets:/items', rl: { reward: { type: 'reward_model', modelVersionId }, groupSize: 2 } });
    await expect(by(baseId)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('not a reward model') });
    await expect(by('mdlv_01jzzzzzzzzzzzzzzzzzzzzzzz')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refuses a model and data of another project as if they were not there', async () => {
    await expect(gateway.graphql('mutation ($input: CreateFineTuneJobInput!) { createFineTuneJob(input: $input) { id } }', { input: sftInput(2) }, gateway.otherKey))
      .rejects.toMatchObject({ code: 'not_found' });
  });
});
