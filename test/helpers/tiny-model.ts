import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** From the repository's root, where tests run. */
const SCRIPT = 'test/helpers/tiny_model.py';

/**
 * Makes a random Llama of two layers with a byte-level chat tokenizer as `TRIAD_HOME/models/<name>`, in a few seconds.
 * @param home TRIAD_HOME of the gateway under test
 */
export function makeTinyModel(home: string, name = 'tiny'): void {
  const directory = join(home, 'models', name);
  mkdirSync(directory, { recursive: true });
  const python = process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python';
  execFileSync(python, [SCRIPT, directory], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], HF_HUB_OFFLINE: '1' } });
}
