import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WebuiFake {
  url: string;
  seen: { path: string; authorization: string | undefined; body: any }[];
  stop(): Promise<void>;
}

/** One black pixel. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/**
 * A FAKE of AUTOMATIC1111's web UI, after its published API: /sdapi/v1/txt2img and /sdapi/v1/sd-models. The checkpoint's name
 * chooses misbehaviour: `out-of-memory`, `absent`.
 */
export async function startWebuiFake(): Promise<WebuiFake> {
  const seen: WebuiFake['seen'] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((parts) => {
      const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts as Buffer[]).toString()) : null;
      seen.push({ path: request.url!, authorization: request.headers.authorization, body });
      const { status, answer } = answerTo(request.url!, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen,
    stop: () => new Promise((closed) => { server.closeAllConnections(); server.close(() => closed()); }),
  };
}

function answerTo(path: string, body: any): { status: number; answer: unknown } {
  if (path === '/sdapi/v1/sd-models') return { status: 200, answer: [{ title: 'sdxl.safetensors [1a]', model_name: 'sdxl', hash: '1a' }] };
  if (path !== '/sdapi/v1/txt2img') return { status: 404, answer: { detail: 'Not Found' } };
  const checkpoint = body.override_settings?.sd_model_checkpoint;
  if (checkpoint === 'out-of-memory') return { status: 500, answer: { error: 'OutOfMemoryError', detail: '', body: '', errors: 'CUDA out of memory.' } };
  if (typeof body.steps === 'string') return { status: 422, answer: { detail: [{ loc: ['body', 'steps'], msg: 'value is not a valid integer', type: 'type_error.integer' }] } };
  const seeds = Array.from({ length: body.batch_size }, (_, index) => Number(body.seed ?? 1) + index);
  const info = JSON.stringify({ prompt: body.prompt, all_seeds: seeds, width: body.width ?? 512, height: body.height ?? 512, index_of_first_image: 0 });
  return { status: 200, answer: { images: seeds.map(() => PNG), parameters: body, info } };
}
