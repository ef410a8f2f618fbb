import { TypeID, typeid } from 'typeid-js';

/** Prefixes of identifiers; an id such as `ftjob_01j…` sorts by time of creation (UUIDv7, TypeID specification). */
export type IdPrefix =
  | 'proj' | 'key' | 'aud' | 'out' | 'evt' | 'file'
  | 'prm' | 'prmv' | 'ds' | 'dsv'
  | 'mdl' | 'mdlv' | 'art' | 'edge'
  | 'ftjob' | 'ckpt' | 'suite' | 'eval' | 'smpl'
  | 'exp' | 'arm'
  | 'prov' | 'dep' | 'whk' | 'whd' | 'whr' | 'whin' | 'call' | 'fb';

export function newId(prefix: IdPrefix): string {
  return typeid(prefix).toString();
}

/** Sorts after every id that was made before a time, and before those made since. */
export function firstIdAt(prefix: IdPrefix, at: Date): string {
  const milliseconds = Math.max(0, at.getTime()).toString(16).padStart(12, '0');
  return TypeID.fromUUID(prefix, `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-000000000000`).toString();
}
