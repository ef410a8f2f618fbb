import { MethodNotAllowedException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { httpError } from './http-error.filter.js';

/** Options of Fastify by which what fails before there is a request to route answers in OpenAI's shape too. */
export const EDGE_OPTIONS = {
  frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
    const { status, body } = httpError(error);
    void reply.status(status).header('x-request-id', request.id).send(body);
  },
  clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
    const [status, reason] = error.code === 'HPE_HEADER_OVERFLOW' ? [431, 'Request Header Fields Too Large'] : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? [408, 'Request Timeout'] : [400, 'Bad Request'];
    const body = JSON.stringify({ error: { message: `The bytes sent are no HTTP request that can be read: ${reason}.`, type: 'invalid_request_error', param: null, code: 'bad_input' } });
    socket.end(`HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  },
};

/** Answers 405 with `Allow`, and not 404, where a path is known by other methods. To be called before there are routes. */
export function answerWrongMethods(fastify: FastifyInstance): void {
  const methods = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    [method].flat().forEach((each) => known.methods.add(each));
    methods.set(url, known);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const path = request.url.split('?', 1)[0]!;
    const allowed = [...methods.values()].filter(({ pattern }) => pattern.test(path)).flatMap((known) => [...known.methods]);
    if (allowed.length === 0) return done();
    void reply.header('allow', [...new Set(allowed)].join(', '));
    return done(new MethodNotAllowedException(`${request.method} is not a method of ${path}; there ${allowed.length > 1 ? 'are' : 'is'} ${[...new Set(allowed)].join(', ')}.`));
  });
}

/** Of a route's path, with `:name` for a segment and `*` for the rest. */
function patternOf(url: string): RegExp {
  const source = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+').replace(/\*/g, '.*');
  return new RegExp(`^${source}$`);
}
