/**
 * What the edges are measured against, in a process of its own: `node bare-server.js pg|proxy|upstream|constant|fastify <target>`.
 *   pg        one SELECT through plain `pg` behind Node's http, no framework
 *   proxy     Node's http forwarding to the target with keep-alive
 *   upstream  a constant answer in the shape of a chat completion, or a stream of one; named a fake
 *   constant  Node's http answering the target itself as JSON
 *   fastify   a route of Fastify doing the same
 */
import { Agent, createServer, request as httpRequest, type RequestListener, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { fastify } from 'fastify';
import pg from 'pg';

const [kind, target = ''] = process.argv.slice(2);

const ANSWER = JSON.stringify({
  id: 'chatcmpl-fake', object: 'chat.completion', created: 0, model: 'fake',
  choices: [{ index: 0, message: { role: 'assistant', content: 'close(studio, blind)' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 40, completion_tokens: 8, total_tokens: 48 },
});

const FIRST_TOKEN_MS = 10;
const TOKEN_MS = 5;
const TOKENS = ['close', '(studio', ', ', 'blind', ')'];

const chunk = (choice: object) => `data: ${JSON.stringify({ id: 'chatcmpl-fake', object: 'chat.completion.chunk', created: 0, model: 'fake', choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`;

/** The first token some time after the request, the others at a steady rate. */
async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [index, content] of TOKENS.entries()) {
    await wait(index === 0 ? FIRST_TOKEN_MS : TOKEN_MS);
    response.write(chunk({ delta: { content, ...(index === 0 && { role: 'assistant' }) } }));
  }
  response.end(`${chunk({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`);
}

const listeners: Record<string, () => RequestListener | Promise<RequestListener>> = {
  pg: () => {
    const pool = new pg.Pool({ connectionString: target, max: 20 });
    return (_, response) => {
      void pool.query("SELECT id, name, version, messages, created_at FROM prompt_versions WHERE name = 'bench' AND version = 1").then(({ rows }) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(rows[0]));
      });
    };
  },
  proxy: () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    return (incoming, response) => {
      const { host, ...headers } = incoming.headers;
      const forwarded = httpRequest(`${target}${incoming.url}`, { method: incoming.method, headers, agent }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      incoming.pipe(forwarded);
    };
  },
  upstream: () => (incoming, response) => {
    let streams = false;
    incoming.on('data', (part: Buffer) => { streams ||= part.includes('"stream":true'); }).on('end', () => {
      if (streams) void stream(response);
      else response.setHeader('content-type', 'application/json').end(ANSWER);
    });
  },
  constant: () => (_, response) => void response.setHeader('content-type', 'application/json; charset=utf-8').end(target),
  fastify: async () => {
    const app = fastify();
    app.get('/*', (_, reply) => reply.header('content-type', 'application/json; charset=utf-8').send(target));
    await app.ready();
    return (incoming, response) => app.routing(incoming, response);
  },
};

const server = createServer(await listeners[kind!]!()).listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port));
process.on('disconnect', () => process.exit(0));
