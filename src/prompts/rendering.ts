import { DomainError } from '../common/errors.js';
import type { ChatTemplate } from './prompt.entity.js';

/** A tag of a Mustache template: `{{name}}`, or with a sigil as in `{{!comment}}`, `{{#section}}`, `{{{name}}}`. */
interface Tag {
  sigil: string;
  name: string;
}

/** Text as it stands, or a tag. */
type Piece = string | Tag;

/** More than any model reads. A template that names a variable often enough could ask for more than there is memory. */
const MAX_RENDERED_CHARACTERS = 8_000_000;

const OPENING = /\{\{\s*([#^/>{&=!]?)/g;
const isComment = (piece: Piece): boolean => typeof piece !== 'string' && piece.sigil === '!';

/** One pass over the template, in time and memory linear in its length, whatever it holds. */
function piecesOf(template: string, where: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const opening = new RegExp(OPENING); ;) {
    const found = opening.exec(template);
    if (!found) return dropCommentLines([...pieces, template.slice(at)]);
    const sigil = found[1]!;
    const closing = sigil === '{' ? '}}}' : '}}';
    const end = template.indexOf(closing, opening.lastIndex);
    if (end < 0) throw new DomainError('bad_input', `The template of ${where} cannot be read: the tag at character ${found.index + 1} has no ${closing}.`, 'prompt');
    pieces.push(template.slice(at, found.index), { sigil, name: template.slice(opening.lastIndex, end).trim() });
    at = opening.lastIndex = end + closing.length;
  }
}

/** Mustache's rule: a line that holds comments and nothing else goes as a whole. */
function dropCommentLines(pieces: Piece[]): Piece[] {
  if (!pieces.some(isComment)) return pieces;
  const kept: Piece[] = [];
  let line: Piece[] = [];
  const endLine = () => {
    const onlyComments = line.some(isComment) && line.every((piece) => (typeof piece === 'string' ? piece.trim() === '' : isComment(piece)));
    if (!onlyComments) for (const piece of line) kept.push(piece);
    line = [];
  };
  for (const piece of pieces) {
    for (const part of typeof piece === 'string' ? piece.split(/(?<=\n)/) : [piece]) {
      line.push(part);
      if (typeof part === 'string' && part.endsWith('\n')) endLine();
    }
  }
  endLine();
  return kept;
}

/**
 * Names of the variables of a prompt, sorted. Of Mustache only `{{name}}` (as well as `{{{name}}}` and `{{&name}}`, which
 * mean the same here) and comments are allowed: no sections, partials or paths, so that a template can reach nothing but
 * the variables given.
 * @throws DomainError bad_input naming the message and the tag that is not allowed.
 */
export function variablesOf(messages: ChatTemplate[]): string[] {
  const names = new Set<string>();
  messages.forEach((message, index) => {
    for (const piece of piecesOf(message.content, `message ${index + 1}`)) {
      if (typeof piece === 'string' || isComment(piece)) continue;
      if (!['', '&', '{'].includes(piece.sigil) || !/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(piece.name)) {
        throw new DomainError('bad_input',
          `Message ${index + 1} holds the tag {{${piece.sigil}${piece.name.slice(0, 200)}}}; only variables such as {{name}} are allowed.`, 'prompt');
      }
      names.add(piece.name);
    }
  });
  return [...names].sort();
}

/**
 * Fills in the variables; values are inserted as they are, never read as templates.
 * @param variables name → text, number or boolean; names that the prompt does not use are ignored
 * @throws DomainError undefined_variable naming every variable that is missing or not a scalar; too_large for what no model would read.
 */
export function renderMessages(messages: ChatTemplate[], needed: string[], variables: Record<string, unknown>, promptName: string): ChatTemplate[] {
  const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);
  const bad = needed.filter((name) => !Object.hasOwn(variables, name) || !isScalar(variables[name]));
  if (bad.length > 0) {
    const given = Object.keys(variables);
    throw new DomainError('undefined_variable',
      `Prompt ${JSON.stringify(promptName)} needs ${bad.map((name) => `{{${name}}}`).join(', ')} as text, number or boolean; given: ${given.length > 0 ? given.join(', ') : 'none'}.`,
      `variables.${bad[0]}`);
  }
  const values = new Map(needed.map((name) => [name, String(variables[name])]));
  const filled = (piece: Piece) => (typeof piece === 'string' ? piece : isComment(piece) ? '' : values.get(piece.name)!);
  let room = MAX_RENDERED_CHARACTERS;
  return messages.map(({ role, content }, index) => {
    const parts = piecesOf(content, `message ${index + 1}`).map(filled);
    for (const part of parts) room -= part.length;
    if (room < 0) throw new DomainError('too_large', `Prompt ${JSON.stringify(promptName)} would have more than ${MAX_RENDERED_CHARACTERS} characters with these variables. Give shorter ones.`, 'variables');
    return { role, content: parts.join('') };
  });
}
