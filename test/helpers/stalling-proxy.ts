import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface StallingProxy {
  /** The service's URL, through the proxy. */
  url: string;
  /** Bytes stop to pass; connections stay, as to a server that hangs. */
  stall(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A TCP proxy in front of a service, which can hang. */
export async function startStallingProxy(serviceUrl: string): Promise<StallingProxy> {
  const service = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  let stalled = false;
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => to.write(chunk));
    from.once('close', () => { sockets.delete(from); to.destroy(); });
    from.on('error', () => undefined);
    if (stalled) from.pause();
  };
  const server = createServer((client) => {
    const upstream = connect(Number(service.port || 6379), service.hostname);
    pass(client, upstream);
    pass(upstream, client);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const url = new URL(serviceUrl);
  [url.hostname, url.port] = ['127.0.0.1', String((server.address() as AddressInfo).port)];
  return {
    url: url.toString(),
    stall: () => { stalled = true; for (const socket of sockets) socket.pause(); },
    resume: () => { stalled = false; for (const socket of sockets) socket.resume(); },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
