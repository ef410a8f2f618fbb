import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';

/** A side as `test/e2e/openai_python/conftest.py` knows it. */
export interface PythonSide {
  name: string;
  base_url: string;
  api_key: string;
  /** What stands before the names of models. */
  prefix: string;
  through_triad: boolean;
  lacks: readonly string[];
}

/**
 * Runs tests of the official Python client.
 * @param files of `test/e2e/openai_python`
 * @returns pytest's exit status, and all it said
 */
export async function runOpenAiPython(sides: PythonSide[], files: string[]): Promise<{ code: number; output: string }> {
  const plugins = ['-p', 'anyio.pytest_plugin', '-p', 'no:cacheprovider'];
  const python = spawn(resolve(process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python'), ['-m', 'pytest', '-q', '-rs', '--no-header', ...plugins, '-c', '/dev/null', '--rootdir', '.', ...files], {
    cwd: 'test/e2e/openai_python',
    // Plugins that other packages bring along need what is not installed.
    env: { PATH: process.env['PATH'], OPENAI_SIDES: JSON.stringify(sides), PYTHONDONTWRITEBYTECODE: '1', PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], output, errors] = await Promise.all([once(python, 'exit') as Promise<[number]>, text(python.stdout), text(python.stderr)]);
  return { code, output: output + errors };
}
