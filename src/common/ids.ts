import { typeid } from 'typeid-js';

/** Prefixes of identifiers; an id such as `ftjob_01j…` sorts by time of creation (UUIDv7, TypeID specification). */
export type IdPrefix =
  | 'proj' | 'key' | 'aud' | 'out' | 'evt' | 'file'
  | 'prm' | 'prmv' | 'ds' | 'dsv'
  | 'mdl' | 'mdlv' | 'art' | 'edge'
  | 'ftjob' | 'ckpt' | 'suite' | 'eval' | 'smpl'
  | 'prov' | 'dep' | 'whk' | 'whd' | 'whr' | 'whin';

export function newId(prefix: IdPrefix): string {
  return typeid(prefix).toString();
}
