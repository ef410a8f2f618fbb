/** A webhook receiver as another system would run it: it believes only what the signature proves. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  type: string;
  data: Record<string, unknown>;
}

export async function startReceiver() {
  const received: Received[] = [];
  let verifier: Webhook | null = null;
  let wake = () => {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      try {
        received.push(verifier!.verify(Buffer.concat(chunks).toString(), request.headers as Record<string, string>) as Received);
        response.writeHead(204).end();
        wake();
      } catch {
        response.writeHead(401).end();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    /** The secret that the service showed once. */
    trust: (secret: string) => { verifier = new Webhook(secret); },
    /** Resolves with the first event of the type. */
    async waitFor(type: string): Promise<Received> {
      for (;;) {
        const found = received.find((event) => event.type === type);
        if (found) return found;
        await new Promise<void>((resolve) => { wake = resolve; });
      }
    },
    close: () => server.close(),
  };
}
