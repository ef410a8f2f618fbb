import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A receiver of webhooks that refuses some first attempts. */
export interface Receiver {
  url: string;
  /** What was taken: each event's id, and of which runs or jobs it spoke. */
  taken: Map<string, Set<string>>;
  stop(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const taken: Receiver['taken'] = new Map();
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    void request.toArray().then((parts: Buffer[]) => {
      const id = request.headers['webhook-id'] as string;
      const { type, data } = JSON.parse(Buffer.concat(parts).toString()) as { type: string; data: { id: string } };
      const refused = !seen.has(id) && Math.random() < 0.1;
      seen.add(id);
      if (!refused) taken.set(id, (taken.get(id) ?? new Set()).add(`${type} ${data.id}`));
      response.writeHead(refused ? 503 : 204).end();
    }, () => response.destroy());
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    taken,
    stop: () => new Promise((closed) => {
      server.closeAllConnections();
      server.close(() => closed());
    }),
  };
}
