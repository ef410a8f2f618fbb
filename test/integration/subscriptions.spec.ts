import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { generateApiKey } from '../../src/auth/api-key.js';
import { ApiKeyEntity } from '../../src/auth/auth.entity.js';
import { AuthService } from '../../src/auth/auth.service.js';
import type { RequestContext } from '../../src/common/request-context.js';
import { Database } from '../../src/database/database.js';
import { FineTuneEventRepository } from '../../src/fine-tune-jobs/fine-tune-event.repository.js';
import { FineTuneEventService } from '../../src/fine-tune-jobs/fine-tune-event.service.js';
import { FineTuneJobRepository } from '../../src/fine-tune-jobs/fine-tune-job.repository.js';
import { Documents } from '../../src/graphql/documents.js';
import { MAX_SUBSCRIPTIONS, SubscriptionServer } from '../../src/graphql/subscription-server.js';
import { createJob, prepareInputs, sftInput } from '../helpers/fine-tune.js';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { contextOf, registerStubModel } from '../helpers/stub-model.js';
import { firstAnswer, rawConnection } from '../helpers/subscriptions.js';

const WATCH = 'subscription ($id: ID!, $after: String) { fineTuneJobEvents(id: $id, after: $after) { cursor data } }';

describe('subscriptions', () => {
  let gateway: Gateway;
  let ctx: RequestContext;

  beforeAll(async () => {
    gateway = await startGateway();
    ctx = await contextOf(gateway);
    await registerStubModel(gateway, 'tiny');
    await prepareInputs(gateway);
  });
  afterAll(() => gateway.stop());

  const connect = async (key: string) => {
    const connection = await rawConnection(gateway, { Authorization: `Bearer ${key}` });
    await vi.waitFor(() => expect(connection.messages).toContainEqual({ type: 'connection_ack' }));
    return connection;
  };
  const subscribe = (id: string, after: string | null = null, name = 'one') => ({ type: 'subscribe', id: name, payload: { query: WATCH, variables: { id, after } } });
  const newJob = () => createJob(gateway, sftInput(6));
  /** Adds events of the service's own to a queued job, as its lifecycle does. */
  const note = (id: string, texts: string[]) => gateway.app.get(Database).transaction(ctx, async (tx) => {
    const job = (await gateway.app.get(FineTuneJobRepository).lock(tx, { id }))!;
    for (const text of texts) await gateway.app.get(FineTuneEventService).note(tx, job, 'info', text);
  });
  const textsOf = (messages: any[]): string[] => messages.filter((message) => message.type === 'next').map((message) => message.payload.data.fineTuneJobEvents.data.message);
  const cursorOf = (messages: any[]): string => messages.findLast((message) => message.type === 'next').payload.data.fineTuneJobEvents.cursor;

  it.each([['no credential', {}], ['a wrong key', { Authorization: 'Bearer triad_wrong' }]])('are closed at connect with %s: 4403', async (_, params) => {
    const { closed, messages } = await rawConnection(gateway, params);
    expect(await closed).toBe(4403);
    expect(messages).toEqual([]);
  });

  it('are not answered before the connection is admitted: 4401', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify(subscribe('x')));
    expect((await once(socket, 'close'))[0]).toBe(4401);
  });

  it('end when the key is revoked while they are open: 4403', async () => {
    const key = generateApiKey();
    await gateway.app.get(AuthService).addKey('default', 'short-lived', key);
    const [{ closed, messages, send }, other] = [await connect(key), await connect(gateway.key)];
    send(subscribe(await newJob()));
    await vi.waitFor(() => expect(textsOf(messages).length).toBeGreaterThan(0));
    await gateway.app.get(Database).platform.update(ApiKeyEntity, { name: 'short-lived' }, { revokedAt: new Date() });
    expect(await closed).toBe(4403);
    expect(other.socket.readyState).toBe(other.socket.OPEN);
    other.socket.terminate();
  });

  it('of another tenant\'s job are not found', async () => {
    const { payload } = subscribe(await newJob());
    expect(await firstAnswer(gateway, payload, gateway.otherKey)).toMatchObject({ errors: [{ extensions: { code: 'not_found' } }] });
  });

  it('lose no event when the socket is killed and another goes on from the cursor', async () => {
    const id = await newJob();
    const first = await connect(gateway.key);
    first.send(subscribe(id));
    await note(id, ['a', 'b']);
    await vi.waitFor(() => expect(textsOf(first.messages)).toContain('b'));
    first.socket.terminate();
    await first.closed;
    await note(id, ['c', 'd']);
    const second = await connect(gateway.key);
    second.send(subscribe(id, cursorOf(first.messages)));
    await note(id, ['e']);
    await vi.waitFor(() => expect(textsOf(second.messages)).toContain('e'));
    expect(textsOf(second.messages)).toEqual(['c', 'd', 'e']);
    second.socket.terminate();
  });

  it('wait for a reader that does not read, and go on when it does', async () => {
    const id = await newJob();
    const count = 600;
    const text = 'x'.repeat(64 * 1024);
    for (let batch = 0; batch < count / 50; batch++) await note(id, Array.from({ length: 50 }, () => text));
    const pages = vi.spyOn(FineTuneEventRepository.prototype, 'after');
    const { socket, messages, send } = await connect(gateway.key);
    socket.pause();
    send(subscribe(id));
    await vi.waitFor(() => expect(serverSide(socket).bufferedAmount).toBeGreaterThan(0));
    // A page of events is larger than what the kernel buffers: the next is asked for when somebody has read this one.
    const asked = pages.mock.calls.length;
    await note(id, ['more']);
    await firstAnswer(gateway, subscribe(await newJob()).payload);
    expect(serverSide(socket).bufferedAmount).toBeLessThan(3 * text.length);
    expect(pages.mock.calls.filter(([, jobId]) => jobId === id).length).toBe(asked);
    socket.resume();
    await vi.waitFor(() => expect(textsOf(messages)).toContain('more'), { timeout: 30_000 });
    expect(textsOf(messages).filter((each) => each === text)).toHaveLength(count);
    socket.terminate();
  });

  /** The server's end of a connection. */
  function serverSide(client: WebSocket): WebSocket {
    const port = (client as unknown as { _socket: { localPort: number } })._socket.localPort;
    const ends = [...gateway.app.get(SubscriptionServer, { strict: false })['sockets'].clients] as unknown as (WebSocket & { _socket: { remotePort: number } })[];
    return ends.find((end) => end._socket.remotePort === port)!;
  }

  it(`are at most ${MAX_SUBSCRIPTIONS} on a connection`, async () => {
    const id = await newJob();
    const { socket, messages, send } = await connect(gateway.key);
    for (let index = 0; index <= MAX_SUBSCRIPTIONS; index++) send(subscribe(id, null, `s${index}`));
    await vi.waitFor(() => expect(messages.filter((message) => message.type === 'error')).toMatchObject([{ id: `s${MAX_SUBSCRIPTIONS}`, payload: [{ extensions: { code: 'too_many_subscriptions' } }] }]));
    send({ type: 'complete', id: 's0' });
    send(subscribe(id, null, 'again'));
    await vi.waitFor(() => expect(messages.some((message) => message.type === 'next' && message.id === 'again')).toBe(true));
    socket.terminate();
  });

  it('are all that runs over WebSocket', async () => {
    const refused = firstAnswer(gateway, { query: 'mutation { cancelFineTuneJob(id: "x") { id } }' });
    await expect(refused).rejects.toMatchObject([{ message: expect.stringContaining('over HTTP'), extensions: { code: 'bad_input' } }]);
  });

  it('are read and judged once per document', () => {
    const documents = gateway.app.get(Documents, { strict: false });
    const document = documents.prepare({ query: WATCH });
    expect(document).toHaveProperty('kind');
    expect(documents.prepare({ query: WATCH })).toBe(document);
  });

  it('are not found at another path', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/files`, 'graphql-transport-ws');
    const [error] = await once(socket, 'error') as [Error];
    expect(error.message).toContain('404');
  });
});
