import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../common/errors.js';
import type { Manifest } from '../contracts/contracts.generated.js';
import { checkArtefactFiles, manifestOf } from './manifest.js';

/** Left out of an artefact: what version control and download tools leave behind. */
const hidden = (path: string) => path.split('/').some((part) => part.startsWith('.'));

/**
 * Reads a directory of whole weights below `root` and checks that it is one: config.json, a tokenizer, safetensors.
 * @param source name of a directory directly below `root`
 * @throws DomainError bad_input for an unknown directory (listing those there), bad_data for what is in it.
 */
export async function readBaseModel(root: string, source: string): Promise<{ directory: string; manifest: Manifest }> {
  const known = (await readdir(root, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  if (!known.includes(source)) {
    throw new DomainError('bad_input',
      `There is no base model directory ${JSON.stringify(source)} below TRIAD_HOME/models; ${known.length > 0 ? `there are: ${known.join(', ')}` : 'it is empty'}. Put config.json, the tokenizer and safetensors files into a directory there.`, 'source');
  }
  const directory = join(root, source);
  const manifest = await manifestOf(directory, (path) => !hidden(path));
  await checkArtefactFiles(directory, manifest);
  const paths = manifest.files.map((file) => file.path);
  const missing = !paths.includes('config.json') ? 'config.json'
    : !paths.some((path) => /^(tokenizer\.json|tokenizer\.model|vocab\.(json|txt))$/.test(path)) ? 'tokenizer.json or tokenizer.model'
    : !paths.some((path) => /^[^/]+\.safetensors$/.test(path)) ? 'a .safetensors file'
    : null;
  if (missing) throw new DomainError('bad_data', `The base model directory ${JSON.stringify(source)} lacks ${missing}.`, 'source');
  await checkConfig(join(directory, 'config.json'));
  return { directory, manifest };
}

async function checkConfig(path: string): Promise<void> {
  const config: unknown = await readFile(path, 'utf8').then(JSON.parse).catch(() => null);
  if (typeof (config as { model_type?: unknown } | null)?.model_type !== 'string') {
    throw new DomainError('bad_data', 'config.json is not the configuration of a transformers model: it has no model_type.', 'source');
  }
}
