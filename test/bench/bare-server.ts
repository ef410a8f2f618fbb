/**
 * What the edges are measured against, in a process of its own: `node bare-server.js pg|proxy|upstream <target>`.
 *   pg        one SELECT through plain `pg` behind Node's http, no framework
 *   proxy     Node's http forwarding to the target with keep-alive
 *   upstream  a constant answer in the shape of a chat completion; named a fake
 */
import { Agent, createServer, request as httpRequest, type RequestListener } from 'node:http';
import pg from 'pg';

const [kind, target = ''] = process.argv.slice(2);

const ANSWER = JSON.stringify({
  id: 'chatcmpl-fake', object: 'chat.completion', created: 0, model: 'fake',
  choices: [{ index: 0, message: { role: 'assistant', content: 'close(studio, blind)' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 40, completion_tokens: 8, total_tokens: 48 },
});

const listeners: Record<string, () => RequestListener> = {
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
    incoming.resume().on('end', () => response.setHeader('content-type', 'application/json').end(ANSWER));
  },
};

const server = createServer(listeners[kind!]!()).listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port));
process.on('disconnect', () => process.exit(0));
