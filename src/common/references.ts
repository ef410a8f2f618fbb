import { DomainError } from './errors.js';

export type ReferenceKind = 'prompts' | 'models' | 'datasets';

/** `kind:/name/3`, `kind:/name@alias` or `kind:/name` (MLflow's URI habit). */
export interface Reference {
  kind: ReferenceKind;
  name: string;
  version: number | null;
  alias: string | null;
}

/** Names of things: slash-separated folders of letters, digits, `.`, `_`, `-`. */
export const NAME_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*)(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
/** What Postgres' integer holds. */
const MAX_VERSION = 2 ** 31 - 1;
/** Labels and aliases. */
export const LABEL_PATTERN = /^[a-z0-9_.-]{1,36}$/;

/**
 * Reads a reference. A trailing all-digit segment is a version, `@x` an alias.
 * @throws DomainError bad_reference when the text is not of that form or names another kind.
 */
export function parseReference(text: string, kind: ReferenceKind): Reference {
  const match = /^(prompts|models|datasets):\/([^@]+?)(?:\/(\d+))?(?:@([^@]+))?$/.exec(text);
  const [, foundKind, name, version, alias] = match ?? [];
  const valid = foundKind === kind && name !== undefined && NAME_PATTERN.test(name)
    && !(version !== undefined && (alias !== undefined || Number(version) > MAX_VERSION)) && (alias === undefined || LABEL_PATTERN.test(alias));
  if (!valid) {
    throw new DomainError('bad_reference',
      `${JSON.stringify(text.slice(0, 300))} is not a reference to ${kind}; write ${kind}:/NAME/3 for a version, ${kind}:/NAME@ALIAS for an alias.`);
  }
  return { kind, name, version: version === undefined ? null : Number(version), alias: alias ?? null };
}

/** @throws DomainError bad_input when a name is not one. */
export function checkName(name: string, param = 'name'): void {
  if (name.length > 200 || !NAME_PATTERN.test(name)) {
    throw new DomainError('bad_input',
      `${JSON.stringify(name)} is not a name: use up to 200 of letters, digits, '.', '_', '-', with '/' between folders.`, param);
  }
  if (/\/\d+$/.test(name)) {
    throw new DomainError('bad_input', `The name ${JSON.stringify(name)} ends in /digits, which would read as a version.`, param);
  }
}

/** @throws DomainError bad_input when a label or alias is not one. */
export function checkLabel(label: string, param = 'label'): void {
  if (!LABEL_PATTERN.test(label)) {
    throw new DomainError('bad_input', `${JSON.stringify(label)} is not a label: use 1–36 of a–z, 0–9, '_', '.', '-'.`, param);
  }
}
