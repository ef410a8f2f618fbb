import { expect, it } from 'vitest';
import { runOpenAiPython } from '../helpers/openai-python.js';
import { lacks, SIDES, throughTriad, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();
/** A stream that is left, and an answer that is: by the client that waits and by the asynchronous one. */
const LEFT = 4;

/** Its tests are in `openai_python/`, and run on each side. */
it('the official Python client does on each side what it does with OpenAI', async () => {
  const given = SIDES.map((side) => (
    { name: side, base_url: sides.baseURL(side), api_key: sides.apiKey(side), prefix: sides.model(side, ''), through_triad: throughTriad(side), lacks: lacks(side) }));
  const { code, output } = await runOpenAiPython(given, ['test_chat.py', 'test_routes.py', 'test_errors.py', 'test_async.py']);
  expect(code, output).toBe(0);
  const left = sides.fake.seen.filter(({ body }) => ['never-answers', 'falls-silent'].includes(body?.model as string));
  expect(left).toHaveLength(LEFT * SIDES.length);
  await Promise.all(left.map(({ gone }) => gone));
});
