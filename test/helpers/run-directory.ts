import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../src/contracts/contracts.generated.js';
import { manifestOf } from '../../src/models/manifest.js';
import type { Gateway } from './gateway.js';
import { safetensors } from './stub-model.js';

/** Writes what a trainer would leave in `<attempt>/<place>`: an adapter of one zero. */
export async function writeAdapter(gateway: Gateway, jobId: string, attempt: number, place = 'artefact'): Promise<{ directory: string; manifest: Manifest }> {
  const directory = join(gateway.home, 'runs', jobId, `attempt-${attempt}`, place);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', job: jobId, attempt, place }));
  writeFileSync(join(directory, 'adapter_model.safetensors'), safetensors());
  return { directory, manifest: await manifestOf(directory) };
}
