import { once } from 'node:events';
import { Readable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { RequestContext } from '../common/request-context.js';
import { ChatService } from './chat.service.js';

it('lives on when the use of a stream that has ended cannot be counted', async () => {
  const settle = vi.fn(() => { throw new Error('no counter takes this'); });
  const answer = { status: 200, headers: { 'content-type': 'text/event-stream' }, body: Readable.from([Buffer.from('data: {}\n\ndata: [DONE]\n\n')]) };
  const target = { kind: 'registry', version: { name: 'm', version: 1 } };
  const service = new ChatService({ TRIAD_ALLOW_PRIVATE_URLS: true, TRIAD_COMPUTE_PRICE_PER_HOUR: 1 } as never,
    { resolve: () => Promise.resolve(target) } as never, { stream: () => Promise.resolve(answer) } as never, {} as never, { settle } as never);
  const { body } = await service.complete(RequestContext.forJob('proj_1', 'spec'), { model: 'm', messages: [{ role: 'user', content: 'x' }], stream: true }, new AbortController().signal);
  const stream = body as Readable;
  const closed = once(stream, 'close'); // its listener comes after the one that counts, which would throw
  stream.resume();
  await closed;
  expect(settle).toHaveBeenCalledOnce();
  await service.onModuleDestroy();
});
