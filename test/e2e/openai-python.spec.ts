import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { lacks, SIDES, throughTriad, useOpenAiSides } from '../helpers/openai-sides.js';

const sides = useOpenAiSides();
/** A stream that is left, and an answer that is: by the client that waits and by the asynchronous one. */
const LEFT = 4;

/** Its tests are in `openai_python/`, and run on each side. */
it('the official Python client does on each side what it does with OpenAI', async () => {
  const given = SIDES.map((side) => (
    { name: side, base_url: sides.baseURL(side), api_key: sides.apiKey(side), prefix: sides.model(side, ''), through_triad: throughTriad(side), lacks: lacks(side) }));
  const python = spawn(resolve(process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python'), ['-m', 'pytest', '-q', '-rs', '--no-header', '-p', 'anyio.pytest_plugin', '-p', 'no:cacheprovider', '-c', '/dev/null', '--rootdir', '.', '.'], {
    cwd: 'test/e2e/openai_python', env: { PATH: process.env['PATH'], OPENAI_SIDES: JSON.stringify(given), PYTHONDONTWRITEBYTECODE: '1', PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1' }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], output, errors] = await Promise.all([once(python, 'exit'), text(python.stdout), text(python.stderr)]);
  expect(code, `${output}${errors}`).toBe(0);
  const left = sides.fake.seen.filter(({ body }) => ['never-answers', 'falls-silent'].includes(body?.model as string));
  expect(left).toHaveLength(LEFT * SIDES.length);
  await Promise.all(left.map(({ gone }) => gone));
});
