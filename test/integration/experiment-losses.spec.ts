import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Subject } from '../../src/experiments/experiment.service.js';
import { ExperimentProcessor } from '../../src/experiments/experiment.processor.js';
import { Database } from '../../src/database/database.js';
import { CREATE, ExperimentBench, START, STOP } from '../helpers/experiments.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';

const PROVIDER = 'mutation ($name: String!) { createProvider(input: { name: $name, baseUrl: "https://example.com/v1" }) { id } }';

describe('experiments whose subject moves, or is taken away', () => {
  let gateway: Gateway;
  let bench: ExperimentBench;
  let name: string;
  beforeAll(async () => {
    gateway = await startGateway();
    bench = await ExperimentBench.on(gateway);
  });
  afterAll(() => gateway.stop());
  beforeEach(async () => {
    await bench.renew();
    ({ name } = bench);
  });

  const productionOf = async () => (await gateway.graphql('query ($name: String!) { prompt(name: $name) { version } }', { name }))['prompt'].version as number;
  const move = (version: number) => gateway.graphql('mutation ($name: String!, $version: Int!) { setPromptLabels(name: $name, version: $version, labels: ["production"]) { version } }', { name, version });
  const haltOf = async (id: string) => (await gateway.graphql('query ($id: ID!) { experiment(id: $id) { status halt { metric arm message } } }', { id }))['experiment'];
  const check = (id: string) => gateway.app.get(ExperimentProcessor, { strict: false }).handle({ projectId: bench.ctx.projectId, experimentId: id });

  describe('a draft', () => {
    it('that never ran promotes nothing, and moves nothing back', async () => {
      const id = await bench.create();
      await move(3);
      for (const promote of ['now', 'new']) {
        await expect(gateway.graphql(STOP, { id, promote })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('never ran'), errors: [{ extensions: { param: 'promote' } }] });
      }
      expect(await productionOf()).toBe(3);
      expect(await haltOf(id)).toMatchObject({ status: 'draft' });
      expect((await gateway.graphql(STOP, { id }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: null });
    });

    it.each([['implied', null], ['named', 'now']])('with its control %s does not start once the label moved, until it is moved back', async (_, control) => {
      const arms = [{ name: 'new', target: `prompts:/${name}/3` }, ...(control === null ? [] : [{ name: control, target: `prompts:/${name}/1` }])];
      const { createExperiment: { id } } = await gateway.graphql(CREATE, { input: bench.design({ control, arms }) });
      await move(2);
      await expect(gateway.graphql(START, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('names 2 now, not 1 as when the draft was made') });
      expect(await bench.assign('ada')).toBeNull();
      await move(1);
      expect((await gateway.graphql(START, { id }))['startExperiment']).toMatchObject({ status: 'running', baseline: '1' });
    });

    it('does not start when the deployment was pointed elsewhere, or the provider of an arm is gone', async () => {
      const { createProvider: { id: provider } } = await gateway.graphql(PROVIDER, { name: 'brief' });
      await gateway.graphql('mutation { createDeployment(input: { name: "drafted", target: "openai/a" }) { id } }');
      const id = await bench.create({ subject: 'drafted', control: null, arms: [{ name: 'brief', target: 'brief/m' }] });
      const point = (target: string) => gateway.graphql('mutation ($arms: [RoutingArmInput!]!) { updateDeployment(name: "drafted", routing: { arms: $arms }) { id } }', { arms: [{ target, weight: 1 }] });
      await point('openai/b');
      await expect(gateway.graphql(START, { id })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('names openai/b now, not openai/a') });
      await point('openai/a');
      await gateway.graphql('mutation ($id: ID!) { deleteProvider(id: $id) }', { id: provider });
      await expect(gateway.graphql(START, { id })).rejects.toMatchObject({ code: 'model_not_found' });
    });
  });

  describe('one that runs', () => {
    it('gives its traffic back when the provider of an arm is deleted, and is halted', async () => {
      const { createProvider: { id: provider } } = await gateway.graphql(PROVIDER, { name: 'second' });
      await gateway.graphql('mutation { createDeployment(input: { name: "robbed", target: "openai/a" }) { id } }');
      const id = await bench.started({ subject: 'robbed', control: 'a', arms: [{ name: 'a', target: 'openai/a' }, { name: 'b', target: 'second/m', weight: 1000 }] });
      const robbed: Subject = { kind: 'deployment', name: 'robbed' };
      expect(await bench.assign('ada', robbed)).toMatchObject({ model: 'second/m' });
      await check(id);
      expect(await haltOf(id)).toEqual({ status: 'running', halt: null });
      await gateway.graphql('mutation ($id: ID!) { deleteProvider(id: $id) }', { id: provider });
      await vi.waitFor(async () => expect(await bench.assign('ada', robbed)).toBeNull(), { timeout: 10_000 });
      await check(id);
      expect(await haltOf(id)).toEqual({ status: 'halted', halt: { metric: null, arm: 'b', message: expect.stringContaining('The target of the arm b is gone. The model "second/m" does not exist') } });
      expect(await bench.eventsOf(id)).toMatchObject([{ type: 'experiment.started' }, { type: 'experiment.halted', data: { metric: null, arm: 'b' } }]);
    });

    it('is halted when its deployment is deleted, or its label taken off', async () => {
      await gateway.graphql('mutation { createDeployment(input: { name: "gone", target: "openai/a" }) { id } }');
      const ofDeployment = await bench.started({ subject: 'gone', control: null, arms: [{ name: 'b', target: 'openai/b' }] });
      const ofLabel = await bench.started();
      await gateway.graphql('mutation { deleteDeployment(name: "gone") }');
      await gateway.graphql('mutation ($name: String!) { removePromptLabels(name: $name, labels: ["production"]) { id } }', { name });
      for (const [id, what] of [[ofDeployment, '"gone"'], [ofLabel, '"production"']] as const) {
        await check(id);
        expect(await haltOf(id)).toEqual({ status: 'halted', halt: { metric: null, arm: null, message: expect.stringMatching(new RegExp(`What it is about is gone.*${what}`)) } });
        expect((await gateway.graphql(STOP, { id }))['stopExperiment']).toEqual({ status: 'stopped', promotedArm: null });
      }
    });

    it('is looked at without guards, too', async () => {
      const id = await bench.started();
      const { platform } = gateway.app.get(Database);
      await platform.query("UPDATE experiments SET next_check_at = CASE id WHEN $1 THEN now() ELSE now() + interval '1 hour' END", [id]);
      expect(await gateway.app.get(ExperimentProcessor, { strict: false }).reconcile()).toBe(1);
      await check(id);
      expect(await platform.query('SELECT next_check_at > now() AS later FROM experiments WHERE id = $1', [id])).toEqual([{ later: true }]);
    });
  });
});
