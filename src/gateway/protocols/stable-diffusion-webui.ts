import { isObject } from '../../common/is-object.js';
import { keyHeaders } from '../../deployments/provider-headers.js';
import { errorType, invalid, type Json, parseObject, type Protocol, textOf, unreadable, unsupported } from './protocol.js';

const PATH = '/sdapi/v1/txt2img';
const SIZE = /^(\d{2,4})x(\d{2,4})$/;
const MAX_IMAGES = 10;
/** Leaves the checkpoint that the server has loaded. */
const LOADED = 'default';
/** The server's own, that would have it keep or send elsewhere what it makes. */
const REFUSED = ['script_name', 'script_args', 'alwayson_scripts', 'override_settings', 'override_settings_restore_afterwards', 'save_images', 'send_images'];
const NEUTRAL: Record<string, unknown[]> = {
  background: ['auto', 'opaque'], output_format: ['png'], output_compression: [100], partial_images: [0], quality: ['auto', 'standard'], response_format: ['b64_json'], stream: [false],
};
const LEFT_OUT = new Set(['model', 'n', 'size', 'user', 'moderation', ...Object.keys(NEUTRAL)]);

/**
 * AUTOMATIC1111's web UI (and its forks) behind OpenAI's images route. Its own parameters (`seed`, `steps`, `cfg_scale`,
 * `negative_prompt`, `sampler_name`, …) are passed on; the model's name is that of a checkpoint.
 */
export const stableDiffusionWebui: Protocol = {
  operations: new Set(['image']),
  request(operation, body, model) {
    if (operation !== 'image') throw unsupported('model', 'This provider makes images only: call /v1/images/generations.');
    return { path: PATH, body: txt2img(body, model) };
  },
  headers: (apiKey) => keyHeaders('stable_diffusion_webui', apiKey),
  answer: (_operation, text) => imagesOf(text),
  events: () => null,
  error: fastapiError,
};

function txt2img(body: Json, model: string): Json {
  for (const [name, neutral] of Object.entries(NEUTRAL)) {
    if (body[name] != null && !neutral.includes(body[name])) throw unsupported(name, `A Stable Diffusion server has no ${name} ${JSON.stringify(body[name])}; it takes ${neutral.map((value) => JSON.stringify(value)).join(' or ')}.`);
  }
  for (const name of REFUSED) if (body[name] != null) throw unsupported(name, `${name} is not passed on to the image server.`);
  const own = Object.fromEntries(Object.entries(body).filter(([name, value]) => value != null && !LEFT_OUT.has(name)));
  const { n, size } = body;
  if (n != null && !(Number.isInteger(n) && (n as number) >= 1 && (n as number) <= MAX_IMAGES)) throw invalid('n', `n must be a whole number from 1 to ${MAX_IMAGES}.`);
  return {
    ...own, ...sizeOf(size), batch_size: n ?? 1, n_iter: 1, save_images: false, send_images: true, do_not_save_grid: true,
    ...(model !== LOADED && { override_settings: { sd_model_checkpoint: model }, override_settings_restore_afterwards: false }),
  };
}

function sizeOf(size: unknown): Json {
  if (size == null || size === 'auto') return {};
  const [, width, height] = SIZE.exec(textOf(size)) ?? [];
  if (!width || !height) throw invalid('size', 'size must be auto, or width and height in pixels such as 1024x1024.');
  return { width: Number(width), height: Number(height) };
}

function imagesOf(text: string): string {
  const answer = parseObject(text);
  const images = answer?.['images'];
  if (!Array.isArray(images) || images.length === 0 || !images.every((image) => typeof image === 'string')) throw unreadable('a list of images', text);
  const info = parseObject(textOf(answer!['info'])) ?? {};
  const seeds = Array.isArray(info['all_seeds']) ? info['all_seeds'] as unknown[] : [];
  // Where the server makes a grid of several images, it stands before them.
  const first = typeof info['index_of_first_image'] === 'number' ? info['index_of_first_image'] : 0;
  const data = images.slice(first).map((image: string, index) => ({ b64_json: image.replace(/^data:[^,]*,/, ''), ...(typeof seeds[index] === 'number' && { seed: seeds[index] }) }));
  const { width, height } = info;
  return JSON.stringify({ created: Math.floor(Date.now() / 1000), output_format: 'png', ...(typeof width === 'number' && typeof height === 'number' && { size: `${width}x${height}` }), data });
}

/** FastAPI's `detail`, or what the web UI makes of an exception: its name in `error`, its words in `errors`. */
function fastapiError(text: string, status: number): ReturnType<Protocol['error']> {
  const body = parseObject(text);
  if (!body || status < 400) return null;
  const { detail, error, errors } = body;
  const [problem] = Array.isArray(detail) ? detail as unknown[] : [];
  const where = isObject(problem) && Array.isArray(problem['loc']) ? String(problem['loc'].at(-1)) : null;
  const message = textOf(errors) || textOf(detail) || (isObject(problem) ? textOf(problem['msg']) : '') || textOf(error);
  if (message === '') return null;
  return { status, error: { message: where ? `${where}: ${message}` : message, type: errorType(status), param: where, code: textOf(error) === 'OutOfMemoryError' ? 'out_of_memory' : null } };
}
