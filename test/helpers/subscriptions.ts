import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Gateway } from './gateway.js';

export const socketUrl = (gateway: Gateway): string => `${gateway.url.replace('http', 'ws')}/graphql`;

/** A client as people use it, without a retry of its own. */
export const subscriptionClient = (gateway: Gateway, key: string | null = gateway.key): Client => createClient({
  url: socketUrl(gateway), webSocketImpl: WebSocket, retryAttempts: 0, lazy: true,
  connectionParams: key === null ? {} : { Authorization: `Bearer ${key}` },
});

/** Runs one operation over WebSocket until its first answer: its data, or its errors thrown as graphql-ws throws them. */
export async function firstAnswer(gateway: Gateway, payload: { query: string; variables?: Record<string, unknown>; extensions?: Record<string, unknown> }, key?: string | null): Promise<any> {
  const client = subscriptionClient(gateway, key);
  try {
    for await (const answer of client.iterate(payload)) return answer;
    return null;
  } finally {
    await client.dispose();
  }
}

/** An open graphql-ws connection in messages as they are, for what no client does. */
export async function rawConnection(gateway: Gateway, params: object): Promise<{ socket: WebSocket; messages: any[]; closed: Promise<number>; send(message: object): void }> {
  const socket = new WebSocket(socketUrl(gateway), 'graphql-transport-ws');
  const messages: any[] = [];
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  socket.on('message', (data) => messages.push(JSON.parse((data as Buffer).toString())));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  const send = (message: object) => socket.send(JSON.stringify(message));
  send({ type: 'connection_init', payload: params });
  return { socket, messages, closed, send };
}
