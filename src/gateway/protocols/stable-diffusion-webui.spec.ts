import { describe, expect, it } from 'vitest';
import type { Json } from './protocol.js';
import { stableDiffusionWebui } from './stable-diffusion-webui.js';

const bodyOf = (body: Json, model = 'sdxl') => stableDiffusionWebui.request('image', { prompt: 'A lamp', ...body }, model).body;

it('asks for pictures with what the server itself knows', () => {
  expect(stableDiffusionWebui.request('image', { model: 'x', prompt: 'A lamp', n: 2, size: '512x768', response_format: 'b64_json', quality: 'auto', user: 'u', seed: 7, steps: 20, negative_prompt: 'blur', cfg_scale: 5 }, 'sdxl')).toEqual({
    path: '/sdapi/v1/txt2img',
    body: {
      prompt: 'A lamp', negative_prompt: 'blur', seed: 7, steps: 20, cfg_scale: 5, width: 512, height: 768, batch_size: 2, n_iter: 1, save_images: false, send_images: true, do_not_save_grid: true,
      override_settings: { sd_model_checkpoint: 'sdxl' }, override_settings_restore_afterwards: false,
    },
  });
  expect(bodyOf({ size: 'auto' }, 'default')).toEqual({ prompt: 'A lamp', batch_size: 1, n_iter: 1, save_images: false, send_images: true, do_not_save_grid: true });
});

it.each([
  ['response_format', { response_format: 'url' }], ['stream', { stream: true }], ['quality', { quality: 'hd' }], ['background', { background: 'transparent' }], ['n', { n: 11 }], ['n', { n: 1.5 }], ['size', { size: 'big' }], ['size', { size: '1x99999' }],
  ['override_settings', { override_settings: { outdir_samples: '/' } }], ['alwayson_scripts', { alwayson_scripts: {} }], ['save_images', { save_images: true }],
])('refuses %s of %j', (param, more) => {
  expect(() => bodyOf(more)).toThrow(expect.objectContaining({ code: 'bad_input', param }));
});

it('makes images only', () => {
  expect(() => stableDiffusionWebui.request('chat', {}, 'm')).toThrow(expect.objectContaining({ code: 'bad_input' }));
});

describe('answers', () => {
  const read = (body: unknown) => JSON.parse(stableDiffusionWebui.answer('image', JSON.stringify(body))) as Json;

  it('are images with their seeds, without the grid', () => {
    expect(read({ images: ['Z3JpZA==', 'YQ==', 'data:image/png;base64,Yg=='], info: JSON.stringify({ index_of_first_image: 1, all_seeds: [7, 8], width: 512, height: 768 }) })).toEqual({
      created: expect.any(Number) as number, output_format: 'png', size: '512x768', data: [{ b64_json: 'YQ==', seed: 7 }, { b64_json: 'Yg==', seed: 8 }],
    });
    expect(read({ images: ['YQ=='], info: '' })).toMatchObject({ data: [{ b64_json: 'YQ==' }] });
  });

  it.each([[{}], [{ images: [] }], [{ images: [5] }], ['x']])('%j is none', (body) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code: 'upstream_failed' }));
  });

  it('tell errors in the server\'s words', () => {
    const errorOf = (body: unknown, status: number) => stableDiffusionWebui.error(JSON.stringify(body), status);
    expect(errorOf({ error: 'OutOfMemoryError', detail: '', errors: 'CUDA out of memory' }, 500)).toEqual({ status: 500, error: { message: 'CUDA out of memory', type: 'server_error', param: null, code: 'out_of_memory' } });
    expect(errorOf({ detail: [{ loc: ['body', 'steps'], msg: 'value is not a valid integer' }] }, 422)).toEqual({ status: 422, error: { message: 'steps: value is not a valid integer', type: 'invalid_request_error', param: 'steps', code: null } });
    expect(errorOf({ detail: 'Sampler not found' }, 404)).toMatchObject({ error: { message: 'Sampler not found' } });
    expect(errorOf([], 500)).toBeNull();
  });
});
