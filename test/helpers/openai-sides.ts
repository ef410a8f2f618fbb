import OpenAI, { type ClientOptions } from 'openai';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Gateway, startGateway } from './gateway.js';
import { MISBEHAVIOURS } from './openai-fake/misbehaviour.js';
import { MODELS, type OpenAiFake, startOpenAiFake } from './openai-fake.js';

/** Ways to the same models: the fake of OpenAI itself, and through Triad, which shall not be told from it. */
export const SIDES = ['OpenAI (fake)', 'Triad, a provider\'s model', 'Triad, a deployment'] as const;
export type Side = typeof SIDES[number];

export const throughTriad = (side: Side): boolean => side !== SIDES[0];

/** What Triad does not serve yet: routes, and OpenAI's words for what it checks itself. Its tests run on the fake only. */
const TRIAD_LACKS: string[] = [];
export const lacks = (side: Side): string[] => (throughTriad(side) ? TRIAD_LACKS : []);

/** All that a stream gives. */
export async function gather<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

/** Tests of a route on one side. */
export function describeRoute(route: string, side: Side, tests: () => void): void {
  describe.skipIf(lacks(side).includes(route))(route, tests);
}

const KEY = 'sk-fake-of-openai';
const mutation = (name: string, input: string) => `mutation ($input: ${input}!) { ${name}(input: $input) { name } }`;

/** A strict fake of OpenAI, and a gateway whose provider `openai` it is, for the tests of a file. */
export class OpenAiSides {
  fake!: OpenAiFake;
  gateway!: Gateway;

  baseURL(side: Side): string {
    return throughTriad(side) ? `${this.gateway.url}/v1` : this.fake.url;
  }

  apiKey(side: Side): string {
    return throughTriad(side) ? this.gateway.key : KEY;
  }

  /** What the side calls a model of the fake. */
  model(side: Side, name: string): string {
    return side === SIDES[1] ? `openai/${name}` : name;
  }

  client(side: Side, options: ClientOptions = {}): OpenAI {
    return new OpenAI({ baseURL: this.baseURL(side), apiKey: this.apiKey(side), maxRetries: 0, ...options });
  }

  /** `fetch` of a path below `/v1`, with the key. */
  post(side: Side, path: string, body: unknown): Promise<Response> {
    return fetch(`${this.baseURL(side)}${path}`, {
      method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { authorization: `Bearer ${this.apiKey(side)}`, 'content-type': 'application/json' },
    });
  }

  async start(): Promise<void> {
    this.fake = await startOpenAiFake({ strict: { key: KEY } });
    this.gateway = await startGateway({ env: { TRIAD_STREAM_IDLE_MS: '400' } });
    await this.gateway.graphql(mutation('createProvider', 'CreateProviderInput'), { input: { name: 'openai', baseUrl: this.fake.url, apiKey: KEY } });
    for (const name of [...MODELS, ...MISBEHAVIOURS]) {
      await this.gateway.graphql(mutation('createDeployment', 'CreateDeploymentInput'), { input: { name, target: `openai/${name}` } });
    }
    await this.gateway.graphql(mutation('createPromptVersion', 'CreatePromptVersionInput').replace('{ name }', '{ version }'),
      { input: { name: 'house/call', messages: [{ role: 'system', content: 'Be {{mood}}.' }, { role: 'user', content: '{{sentence}}' }], labels: ['production'] } });
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.fake.stop();
  }
}

/** The sides, started before the tests of the file and stopped after them. */
export function useOpenAiSides(): OpenAiSides {
  const sides = new OpenAiSides();
  beforeAll(() => sides.start());
  afterAll(() => sides.stop());
  return sides;
}
