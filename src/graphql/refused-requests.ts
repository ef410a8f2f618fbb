import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

interface Refusal {
  errors?: { extensions?: Record<string, unknown> }[];
}

/** Names the request in what Apollo refuses before there is an operation: batches, cross-site requests, bodies that are none. */
@Injectable()
export class RefusedRequests implements OnModuleInit {
  constructor(private readonly http: HttpAdapterHost) {}

  onModuleInit(): void {
    const adapter = this.http.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined; // a worker has none
    adapter?.getInstance<FastifyInstance>().addHook('onSend', (request, reply, payload, done) => {
      const refused = reply.statusCode >= 400 && typeof payload === 'string' && request.url.split('?')[0] === '/graphql';
      done(null, refused ? named(payload, request.id) : payload);
    });
  }
}

function named(body: string, requestId: string): string {
  let answer: Refusal;
  try {
    answer = JSON.parse(body) as Refusal;
  } catch {
    return body;
  }
  if (!Array.isArray(answer.errors)) return body;
  return JSON.stringify({ ...answer, errors: answer.errors.map((error) => ({ ...error, extensions: { ...error.extensions, requestId } })) });
}
