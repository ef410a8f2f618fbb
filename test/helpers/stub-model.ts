import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthService } from '../../src/auth/auth.service.js';
import type { ModelVersionEntity } from '../../src/models/model.entity.js';
import { ModelService } from '../../src/models/model.service.js';
import type { Gateway } from './gateway.js';

/** One float32 zero, named `w`, as a safetensors file. */
function safetensors(): Buffer {
  const header = Buffer.from('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(64));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, Buffer.alloc(4)]);
}

/** Registers a base model whose weights say nothing, for tests whose runtime is a fake. */
export async function registerStubModel(gateway: Gateway, name: string): Promise<ModelVersionEntity> {
  const directory = join(gateway.home, 'models', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ model_type: 'llama', _name: name }));
  writeFileSync(join(directory, 'tokenizer.json'), '{}');
  writeFileSync(join(directory, 'model.safetensors'), safetensors());
  const ctx = await gateway.app.get(AuthService).authenticate(`Bearer ${gateway.key}`, 'test');
  return gateway.app.get(ModelService).registerBaseModel(ctx, { name, source: name, licence: 'apache-2.0' });
}
