import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/database/embedded-postgres.js';
import { type Installation, startInstallation } from '../helpers/installation.js';
import { build } from '../helpers/worker-process.js';

/** Past the time for which a process takes what it remembers for fresh. */
const AWAY_MS = 2_500;
const RECOVERED = { timeout: 60_000, interval: 100 };

describe('prompts by label, in two processes', () => {
  let triad: Installation;
  let urls: string[];

  const post = async (url: string, path: string, body: object): Promise<any> =>
    (await fetch(`${url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${triad.key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
  /** What each process renders; of an error its text. */
  const rendered = () => Promise.all(urls.map(async (url) => {
    const { data, errors } = await post(url, '/graphql', { query: '{ renderPrompt(ref: "prompts:/whole", variables: { name: "Ada" }) { content } }' });
    return (data?.renderPrompt[0].content ?? errors[0].message) as string;
  }));
  const create = (name: string, content: string) => triad.graphql(
    'mutation ($input: CreatePromptVersionInput!) { createPromptVersion(input: $input) { version } }',
    { input: { name, type: 'text', messages: [{ role: 'user', content }], labels: ['production'] } });
  const move = (name: string, version: number) => triad.graphql('mutation ($name: String!, $version: Int!) { setPromptLabels(name: $name, version: $version, labels: ["production"]) { version } }', { name, version });
  const both = (text: string) => [text, text];

  beforeAll(async () => {
    build();
    triad = await startInstallation();
    const port = String(await freePort());
    urls = [triad.url, `http://127.0.0.1:${port}`];
    await triad.startApi();
    await triad.startApi({ TRIAD_PORT: port });
    await create('part', 'Hi {{name}}');
    await create('whole', '{% render "part" %}.');
  });
  afterAll(() => triad.stop());

  it('a label that moves, of the prompt or of one that it includes, is seen by the other process', async () => {
    expect(await rendered()).toEqual(both('Hi Ada.'));
    await create('part', 'Hello {{name}}');
    expect((await rendered())[0]).toBe('Hello Ada.');
    await expect.poll(rendered, RECOVERED).toEqual(both('Hello Ada.'));
    await create('whole', '{% render "part" %}!');
    expect((await rendered())[0]).toBe('Hello Ada!');
    await expect.poll(rendered, RECOVERED).toEqual(both('Hello Ada!'));
    for (let round = 0; round < 10; round += 1) {
      const version = 1 + (round % 2);
      await move('part', version);
      const text = version === 1 ? 'Hi Ada!' : 'Hello Ada!';
      expect((await rendered())[0]).toBe(text);
      await expect.poll(rendered, RECOVERED).toEqual(both(text));
    }
  });

  it('both serve what they knew while Postgres is away, and are right again afterwards', async () => {
    expect(await rendered()).toEqual(both('Hello Ada!'));
    await triad.services.stopPostgres();
    const over = wait(AWAY_MS).then(() => true);
    do expect(await rendered()).toEqual(both('Hello Ada!'));
    while (!(await Promise.race([over, wait(100, false)])));
    await triad.services.startPostgres();
    // A mutation may still meet a connection that has gone.
    await expect.poll(() => move('part', 1).then(() => 'moved', String), RECOVERED).toBe('moved');
    await expect.poll(rendered, RECOVERED).toEqual(both('Hi Ada!'));
  });
});
