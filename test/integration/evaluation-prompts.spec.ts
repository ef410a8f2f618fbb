import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { DatasetService } from '../../src/datasets/dataset.service.js';
import { EvaluationProcessor } from '../../src/evaluations/evaluation.processor.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';

describe('prompts of evaluations', () => {
  let fake: OpenAiFake;
  let gateway: Gateway;
  let ctx: RequestContext;
  const create = async (name: string, content: string, type = 'text') => (await gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { id } }',
    { input: { name, type, messages: [{ role: 'user', content }], labels: ['production'] } }))['createPromptVersion'].id as string;
  const start = async (prompt: string) => (await gateway.graphql('mutation ($input: StartEvaluationInput!) { startEvaluation(input: $input) { id } }',
    { input: { suite: 'open', model: 'models:/weak', prompt } }))['startEvaluation'].id as string;

  beforeAll(async () => {
    fake = await startOpenAiFake({ served: [{ id: 'weak' }], answer: () => 'yes' });
    gateway = await startGateway({ env: { TRIAD_RUNTIME_URL: fake.url.replace('/v1', '') } });
    ctx = await contextOf(gateway);
    await registerStubModel(gateway, 'weak');
    await gateway.app.get(DatasetService).createFromRows(ctx, {
      name: 'items', format: 'prompt', licence: 'own', sealed: false, derivedFrom: [], rows: Readable.from([1, 2, 3].map((number) => ({ input: { number: String(number) }, expected: 'yes' }))),
    });
    await gateway.graphql('mutation ($input: CreateEvaluationSuiteInput!) { createEvaluationSuite(input: $input) { id } }',
      { input: { name: 'open', dataset: 'datasets:/items', grader: { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected}}' } } });
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
  });

  it('include what they did when the evaluation was asked for, and the lineage says so', async () => {
    const part = await create('part', 'Is it');
    const whole = await create('whole', '{% render "part" %} {{number}}?');
    const id = await start('prompts:/whole');
    await create('part', 'Could it be');
    await gateway.app.get(EvaluationProcessor).handle({ projectId: ctx.projectId, runId: id }, new AbortController().signal);
    const asked = fake.seen.filter(({ path }) => path === '/v1/chat/completions').map(({ body }) => body.messages[0].content as string);
    expect(asked.sort()).toEqual(['Is it 1?', 'Is it 2?', 'Is it 3?']);
    const edges = await gateway.app.get(Database).platform.query<{ from_id: string }[]>("SELECT from_id FROM lineage_edges WHERE to_id = $1 AND relation = 'rendered_with'", [id]);
    expect(edges.map((edge) => edge.from_id).sort()).toEqual([part, whole].sort());
  });

  it('are of type text or chat', async () => {
    await create('picture', '{{number}}', 'image');
    await expect(start('prompts:/picture')).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('asks for images') });
  });
});
