import { DomainError } from '../common/errors.js';
import catalogue from './licences.json' with { type: 'json' };

/** What a licence says about a use: `non_commercial` allows it for research only. */
export type Permission = 'allowed' | 'non_commercial' | 'refused';

/** One entry of the catalogue: facts with the place and the day they were read; not legal advice. */
export interface Licence {
  id: string;
  name: string;
  /** Model families known to carry it. */
  families: string[];
  fineTuning: Permission;
  commercialUse: 'allowed' | 'refused';
  /** Training other models on outputs. */
  outputs: Permission | 'same_family';
  duties: string[];
  /** Monthly active users above which another agreement is needed. */
  userCap: number | null;
  source: string;
  /** Date (ISO) the source was read. */
  read: string;
}

/** Every licence that a decision is recorded for. To record one: add it to licences.json with its source. */
export const LICENCES = catalogue as Licence[];

/**
 * The entry of an identifier, whatever its case.
 * @throws DomainError licence_refused when nothing is recorded for it.
 */
export function licenceOf(id: string): Licence {
  const found = LICENCES.find((licence) => licence.id === id.trim().toLowerCase());
  if (!found) {
    throw new DomainError('licence_refused',
      `The licence ${JSON.stringify(id)} is not in the catalogue, so it is refused until a person records a decision in src/models/licences.json. Known: ${LICENCES.map((licence) => licence.id).join(', ')}.`, 'licence');
  }
  return found;
}

/** @throws DomainError licence_refused when the licence is not recorded or bars fine-tuning. */
export function assertMayFineTune(id: string): void {
  const licence = licenceOf(id);
  if (licence.fineTuning === 'refused') {
    throw new DomainError('licence_refused', `${licence.name} bars fine-tuning (${licence.source}). Start from a model with another licence.`, 'licence');
  }
}
