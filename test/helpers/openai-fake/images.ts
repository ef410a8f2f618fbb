import type { ServerResponse } from 'node:http';
import type { ImageGenStreamEvent, ImagesResponse } from 'openai/resources/images';
import { assertPublished } from './check.js';
import { invalid, type Refusal } from './refusal.js';
import { frame, openStream, sendEvents } from './wire.js';

/** A PNG of one pixel. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const USAGE = { input_tokens: 8, input_tokens_details: { image_tokens: 0, text_tokens: 8 }, output_tokens: 272, total_tokens: 280 };

const ofGptImage = (model?: string | null): boolean => model?.startsWith('gpt-image') ?? false;

export function imagesFault({ model, prompt, response_format, stream, n, partial_images }: any): Refusal | null {
  if (prompt === '') return invalid('Invalid \'prompt\': empty string. Expected a string with minimum length 1, but got an empty string instead.', 'prompt', 'empty_string');
  if (ofGptImage(model) && response_format != null) return invalid('Unknown parameter: \'response_format\'.', 'response_format', 'unknown_parameter');
  if (!ofGptImage(model) && stream) return invalid('Unknown parameter: \'stream\'.', 'stream', 'unknown_parameter');
  if (model === 'dall-e-3' && n > 1) return invalid(`Invalid 'n': integer above maximum value. Expected a value <= 1, but got ${n} instead.`, 'n', 'integer_above_max_value');
  if (partial_images != null && !stream) return invalid('The \'partial_images\' parameter is only allowed when \'stream\' is enabled.', 'partial_images');
  return null;
}

/** `url` is where the fake serves the picture. */
export function imagesOf({ model, n, response_format, prompt }: any, url: string): ImagesResponse {
  const asData = ofGptImage(model) || response_format === 'b64_json';
  const revised = model === 'dall-e-3' ? { revised_prompt: `A picture of: ${prompt}` } : {};
  const data = Array.from({ length: n ?? 1 }, () => ({ ...revised, ...(asData ? { b64_json: PIXEL } : { url }) }));
  return { created: 1, data, ...(ofGptImage(model) && { background: 'opaque', output_format: 'png', quality: 'low', size: '1024x1024', usage: USAGE }) };
}

/** Named events; unlike a chat's, this stream ends without `[DONE]`. */
export async function streamImage(response: ServerResponse, { partial_images }: any): Promise<void> {
  openStream(response);
  const common = { b64_json: PIXEL, background: 'opaque', created_at: 1, output_format: 'png', quality: 'low', size: '1024x1024' } as const;
  const partial = Array.from({ length: partial_images ?? 0 }, (_, index) => ({ type: 'image_generation.partial_image' as const, ...common, partial_image_index: index }));
  const events: ImageGenStreamEvent[] = [...partial, { type: 'image_generation.completed', ...common, usage: USAGE }];
  for (const event of events) assertPublished('ImageGenStreamEvent', event);
  await sendEvents(response, events.map((event) => frame(event, event.type)));
  response.end();
}
