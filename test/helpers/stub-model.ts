import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthService } from '../../src/auth/auth.service.js';
import type { RequestContext } from '../../src/common/request-context.js';
import { manifestOf } from '../../src/models/manifest.js';
import type { ModelVersionEntity } from '../../src/models/model.entity.js';
import { ModelService } from '../../src/models/model.service.js';
import type { Gateway } from './gateway.js';

/** One float32 zero, named `w`, as a safetensors file. */
export function safetensors(): Buffer {
  const header = Buffer.from('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(64));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, Buffer.alloc(4)]);
}

/** Writes `TRIAD_HOME/models/<name>`, which can be registered and not run. @param home TRIAD_HOME */
export function writeStub(home: string, name: string): string {
  const directory = join(home, 'models', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ model_type: 'llama', _name: name }));
  writeFileSync(join(directory, 'tokenizer.json'), '{}');
  writeFileSync(join(directory, 'model.safetensors'), safetensors());
  return directory;
}

/** The default project, as a caller of its key. */
export const contextOf = (gateway: Gateway): Promise<RequestContext> => gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test');

/** Registers a base model whose weights say nothing, for tests whose runtime is a fake. */
export async function registerStubModel(gateway: Gateway, name: string): Promise<ModelVersionEntity> {
  writeStub(gateway.home, name);
  return gateway.app.get(ModelService).registerBaseModel(await contextOf(gateway), { name, source: name, licence: 'apache-2.0' });
}

export const registerStubReward = (gateway: Gateway, name: string): Promise<ModelVersionEntity> => registerResult(gateway, name, 'reward', null);

export const registerStubAdapter = (gateway: Gateway, name: string, base: ModelVersionEntity): Promise<ModelVersionEntity> => registerResult(gateway, name, 'adapter', base.id);

async function registerResult(gateway: Gateway, name: string, kind: 'reward' | 'adapter', baseVersionId: string | null): Promise<ModelVersionEntity> {
  const directory = writeStub(gateway.home, name);
  return gateway.app.get(ModelService).registerVersion(await contextOf(gateway), {
    name, kind, directory, manifest: await manifestOf(directory), baseVersionId, licence: 'apache-2.0', jobId: null, promptVersionId: null,
  });
}
