import { AuthService } from '../../src/auth/auth.service.js';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { type Assignment, ExperimentService, type Subject } from '../../src/experiments/experiment.service.js';
import type { Gateway } from './gateway.js';

export const CREATE = 'mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { id status control allocation arms { name weight promptVersion model } } }';
export const START = 'mutation ($id: ID!) { startExperiment(id: $id) { status baseline startedAt } }';
export const STOP = 'mutation ($id: ID!, $promote: String) { stopExperiment(id: $id, promote: $promote) { status promotedArm } }';
export const RESHARE = 'mutation ($id: ID!, $input: ReshareExperimentInput!) { reshareExperiment(id: $id, input: $input) { allocation arms { name weight } } }';
export const SHOW = `query ($id: ID!) { experiment(id: $id) { status halt { metric arm message } results {
  arms { arm calls units keys metrics { metric n mean interval { low high } } }
  comparisons { metric arm outcome words difference { value low high } } guards { metric arm observed atLeast violated words } sampleRatio { pValue mismatch } words } } }`;

/** A project with a provider, and a prompt of three versions whose first is in production: what experiments are about. */
export class ExperimentBench {
  name = '';
  private made = 0;

  private constructor(private readonly gateway: Gateway, readonly ctx: RequestContext, readonly service: ExperimentService) {}

  static async on(gateway: Gateway): Promise<ExperimentBench> {
    await gateway.graphql('mutation { createProvider(input: { name: "openai", baseUrl: "https://example.com/v1" }) { id } }');
    return new ExperimentBench(gateway, await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test'), gateway.app.get(ExperimentService, { strict: false }));
  }

  /** Another prompt. */
  async renew(): Promise<void> {
    this.name = `support-${this.made += 1}`;
    for (const text of ['one', 'two', 'three']) {
      await this.gateway.graphql('mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
        { input: { name: this.name, messages: [{ role: 'user', content: text }], labels: text === 'one' ? ['production'] : [] } });
    }
  }

  design(input: object = {}): object {
    const { name } = this;
    return {
      name: 'A test', subject: `prompts:/${name}@production`, control: 'now', primaryMetric: 'latency_ms',
      arms: [{ name: 'now', target: `prompts:/${name}/1` }, { name: 'new', target: `prompts:/${name}/2` }], ...input,
    };
  }

  async create(input: object = {}): Promise<string> {
    return (await this.gateway.graphql(CREATE, { input: this.design(input) }))['createExperiment'].id;
  }

  async started(input: object = {}): Promise<string> {
    const id = await this.create(input);
    await this.gateway.graphql(START, { id });
    return id;
  }

  async show(id: string) {
    return (await this.gateway.graphql(SHOW, { id }))['experiment'];
  }

  get subject(): Subject {
    return { kind: 'prompt', name: this.name, label: 'production' };
  }

  async assign(key: string | null, of: Subject = this.subject): Promise<Assignment | null> {
    return this.service.assign(this.ctx, of, key);
  }

  eventsOf(id: string): Promise<{ type: string; data: object }[]> {
    return this.gateway.app.get(Database).platform.query("SELECT type, data FROM events WHERE data ->> 'id' = $1 ORDER BY id", [id]);
  }
}
