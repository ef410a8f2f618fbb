import { BadRequestError, NotFoundError } from 'openai';
import { describe, expect, it } from 'vitest';
import { PIXEL } from '../helpers/openai-fake/images.js';
import { describeRoute, gather, SIDES, throughTriad, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();

describe.each(SIDES)('the official JavaScript client: %s', (side) => {
  const openai = () => sides.client(side);

  describeRoute('models', side, () => {
    it('are listed and retrieved', async () => {
      const listed = await gather(await openai().models.list());
      const id = throughTriad(side) ? 'gpt-3.5-turbo-instruct' : 'gpt-x';
      expect(listed.find((each) => each.id === id)).toEqual({ id, object: 'model', created: expect.any(Number), owned_by: expect.any(String) });
      expect(await openai().models.retrieve(sides.model(side, id))).toMatchObject({ id: sides.model(side, id), object: 'model' });
      await expect(openai().models.retrieve('nowhere')).rejects.toBeInstanceOf(NotFoundError);
    });
  });

  describeRoute('completions', side, () => {
    const model = () => sides.model(side, 'gpt-3.5-turbo-instruct');

    it('plain, with echo, n, a stop and log probabilities', async () => {
      const answer = await openai().completions.create({ model: model(), prompt: 'olleh' });
      expect(answer).toMatchObject({ object: 'text_completion', model: 'gpt-3.5-turbo-instruct', choices: [{ text: 'hello', index: 0, logprobs: null, finish_reason: 'stop' }], usage: { prompt_tokens: 5, completion_tokens: 5 } });
      const { choices } = await openai().completions.create({ model: model(), prompt: 'olleh', echo: true, n: 2, best_of: 2, stop: ['lo'], logprobs: 1 });
      expect(choices.map(({ text }) => text)).toEqual(['ollehhel', 'ollehhel']);
      expect(choices[0]!.logprobs!.tokens).toEqual([...'ollehhel']);
      expect((await openai().completions.create({ model: model(), prompt: 'olleh', max_tokens: 2 })).choices[0]).toMatchObject({ text: 'he', finish_reason: 'length' });
    });

    it('of several prompts, and of prompts of tokens', async () => {
      const texts = async (prompt: string[] | number[] | number[][]) => (await openai().completions.create({ model: model(), prompt })).choices.map(({ text }) => text);
      expect(await texts(['ba', 'dc'])).toEqual(['ab', 'cd']);
      expect(await texts([98, 97])).toEqual(['ab']);
      expect(await texts([[98, 97], [100]])).toEqual(['ab', 'd']);
    });

    it('streamed, with usage', async () => {
      const chunks = await gather(await openai().completions.create({ model: model(), prompt: 'olleh', stream: true, stream_options: { include_usage: true } }));
      expect(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe('hello');
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    });

    it('refused', async () => {
      await expect(openai().completions.create({ model: model(), prompt: 'a', logprobs: 6 })).rejects.toMatchObject({ status: 400, param: 'logprobs', code: 'integer_above_max_value' });
      await expect(openai().completions.create({ model: model(), prompt: 'a', n: 3, best_of: 2 })).rejects.toMatchObject({ status: 400, param: 'best_of' });
    });
  });

  describeRoute('embeddings', side, () => {
    const model = () => sides.model(side, 'text-embedding-3-small');

    it('as the base64 that the client asks for by itself, and as floats: the same vectors', async () => {
      const asked = { model: model(), input: ['one', 'two'], dimensions: 8 };
      const decoded = await openai().embeddings.create(asked);
      expect(sides.fake.seen.at(-1)!.body).toMatchObject({ encoding_format: 'base64', dimensions: 8, input: ['one', 'two'] });
      const floats = await openai().embeddings.create({ ...asked, encoding_format: 'float' });
      expect(decoded.data).toEqual(floats.data);
      expect(decoded.data.map(({ index, embedding }) => [index, embedding.length])).toEqual([[0, 8], [1, 8]]);
      expect(Math.hypot(...floats.data[0]!.embedding)).toBeCloseTo(1);
      expect(floats).toMatchObject({ object: 'list', model: 'text-embedding-3-small', usage: { prompt_tokens: 6, total_tokens: 6 } });
    });

    it('of one text, of many, of tokens, and of lists of tokens', async () => {
      const vectors = async (input: string | string[] | number[] | number[][]) => (await openai().embeddings.create({ model: model(), input })).data.map(({ embedding }) => embedding);
      const [one] = await vectors('ab');
      expect(one).toHaveLength(1536);
      expect([await vectors([97, 98]), await vectors([[97, 98]])]).toEqual([[one], [one]]);
      expect(await vectors(Array.from({ length: 300 }, (_, index) => `text ${index}`))).toHaveLength(300);
    });

    it('refused', async () => {
      await expect(openai().embeddings.create({ model: model(), input: '' })).rejects.toBeInstanceOf(BadRequestError);
      await expect(openai().embeddings.create({ model: model(), input: [] })).rejects.toMatchObject({ status: 400, param: 'input' });
      await expect(openai().embeddings.create({ model: sides.model(side, 'nowhere'), input: 'a' })).rejects.toBeInstanceOf(NotFoundError);
    });
  });

  describeRoute('images', side, () => {
    const generate = (model: string, more: object = {}) => openai().images.generate({ model: sides.model(side, model), prompt: 'a blind', ...more });

    it('as addresses, and as data', async () => {
      const { data, created } = await generate('dall-e-2', { n: 2, size: '256x256' });
      expect(created).toEqual(expect.any(Number));
      expect(data).toHaveLength(2);
      expect(Buffer.from(await (await fetch(data![0]!.url!)).arrayBuffer()).toString('base64')).toBe(PIXEL);
      expect((await generate('dall-e-3', { response_format: 'b64_json' })).data).toEqual([{ b64_json: PIXEL, revised_prompt: 'A picture of: a blind' }]);
      expect(await generate('gpt-image-1', { background: 'opaque' })).toMatchObject({ data: [{ b64_json: PIXEL }], output_format: 'png', usage: { total_tokens: 280 } });
    });

    it('streamed, as it grows: events with names, and no [DONE]', async () => {
      const events = await gather(await openai().images.generate({ model: sides.model(side, 'gpt-image-1'), prompt: 'a blind', stream: true, partial_images: 2 }));
      expect(events.map(({ type }) => type)).toEqual(['image_generation.partial_image', 'image_generation.partial_image', 'image_generation.completed']);
      expect(events.at(-1)).toMatchObject({ b64_json: PIXEL, usage: { output_tokens: 272 } });
    });

    it('refused', async () => {
      await expect(generate('dall-e-2', { n: 11 })).rejects.toMatchObject({ status: 400, param: 'n', code: 'integer_above_max_value' });
      await expect(generate('gpt-image-1', { response_format: 'url' })).rejects.toMatchObject({ status: 400, param: 'response_format', code: 'unknown_parameter' });
    });
  });
});
