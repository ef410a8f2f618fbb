import { DomainError } from '../common/errors.js';
import catalogue from './licences.json' with { type: 'json' };

/**
 * What a licence says about a use. `derivative`: what comes of it stays under the licence; `same_family_only`: for models
 * of the same family; `unknown`: the text does not settle it.
 */
export type Permission = 'allowed' | 'derivative' | 'research_only' | 'same_family_only' | 'refused' | 'unknown';

/** One entry of the catalogue: facts with the place and the month they were read; not legal advice. */
export interface Licence {
  id: string;
  name: string;
  /** Model families known to carry it. */
  families: string[];
  fineTuning: Permission;
  commercialUse: Permission;
  /** Training other models on outputs. */
  outputs: Permission;
  duties: string[];
  /** Monthly active users above which another agreement is needed. */
  userCap: number | null;
  source: string;
  /** Month (ISO) the facts were taken from the source. */
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
