/** What any app has: GraphQL over HTTP and WebSocket, and the REST routes. No part of the service is imported here. */
import { createClient } from 'graphql-ws';
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { WebSocket } from 'ws';
import type { TypedDocumentString } from './generated/graphql.js';

export class ApiError extends Error {}

export class Client {
  constructor(private readonly url: string, private readonly apiKey: string) {}

  private get headers() {
    return { authorization: `Bearer ${this.apiKey}` };
  }

  /** @throws ApiError with the server's code and message. */
  async request<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { ...this.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
    const { data, errors } = (await response.json()) as { data: Result; errors?: { message: string; extensions?: { code?: string } }[] };
    if (errors) throw new ApiError(errors.map((error) => `${error.extensions?.code}: ${error.message}`).join('\n'));
    return data;
  }

  /** The results of a subscription until it completes. Reconnects are the library's. */
  async *subscribe<Result, Variables extends Record<string, unknown>>(document: TypedDocumentString<Result, Variables>, variables: Variables): AsyncGenerator<Result> {
    const socket = createClient({
      url: `${this.url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { Authorization: this.headers.authorization },
    });
    try {
      for await (const { data, errors } of socket.iterate<Result>({ query: document.toString(), variables })) {
        if (errors) throw new ApiError(errors.map((error) => error.message).join('\n'));
        if (data) yield data;
      }
    } finally {
      await socket.dispose();
    }
  }

  /** Uploads a JSONL file; answers its id. */
  async upload(path: string): Promise<string> {
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    form.set('file', await openAsBlob(path), basename(path));
    const response = await fetch(`${this.url}/v1/files`, { method: 'POST', headers: this.headers, body: form });
    const body = (await response.json()) as { id: string; error?: { code: string; message: string } };
    if (body.error) throw new ApiError(`${body.error.code}: ${body.error.message}`);
    return body.id;
  }
}
