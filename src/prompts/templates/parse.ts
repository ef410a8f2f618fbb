import { LiquidError, Parser, Tokenizer, type TopLevelToken, TypeGuards } from 'liquidjs';
import { DomainError } from '../../common/errors.js';
import { FILTER_NAMES } from './filters.js';
import { liquid, TAG_NAMES } from './liquid.js';
import { lower } from './lower.js';
import { describePlace, type Statement } from './syntax.js';

/** Bounds of what one version may hold, so that reading it takes no more than a tenth of a second. */
export const MAX_CHARACTERS = 2_000_000;
export const MAX_TAGS = 5_000;
const MAX_TAG_CHARACTERS = 200_000;

/** The stack has run out: LiquidJS reads what is nested by recursion. */
const NESTED_TOO_DEEPLY = 'tags or brackets are nested too deeply.';
const HOLDS_EXPRESSION = new Set(['if', 'elsif', 'unless', 'case']);

/** How much of the bounds of a version its messages have used up. */
export interface Used {
  characters: number;
  tags: number;
  tagCharacters: number;
}

/**
 * Reads the template of one message.
 * @param message its number, from 1
 * @param used is added to
 * @throws DomainError bad_input naming message, line and column.
 */
export function parse(source: string, message: number, used: Used): Statement[] {
  const refuse = (begin: number, why: string): never => {
    throw new DomainError('bad_input', `The template cannot be read at ${describePlace({ message, source, begin })}: ${why}`, 'messages');
  };
  used.characters += source.length;
  if (used.characters > MAX_CHARACTERS) refuse(0, `the messages have more than ${MAX_CHARACTERS} characters together.`);
  used.tags += countTags(source, MAX_TAGS);
  if (used.tags > MAX_TAGS) refuse(0, `the messages have more than ${MAX_TAGS} tags together. Loop over a list instead.`);
  try {
    const tokens = new Tokenizer(source, liquid.options.operators).readTopLevelTokens(liquid.options);
    for (const token of tokens) {
      if (!TypeGuards.isDelimitedToken(token)) continue;
      used.tagCharacters += token.end - token.begin;
      if (used.tagCharacters > MAX_TAG_CHARACTERS) refuse(token.begin, `the tags have more than ${MAX_TAG_CHARACTERS} characters together. Give long texts as variables.`);
    }
    assertWhole(tokens);
    return lower(new Parser(liquid).parseTokens(tokens), source, message, refuse);
  } catch (error) {
    if (error instanceof RangeError) return refuse(0, NESTED_TOO_DEEPLY);
    if (!LiquidError.is(error)) throw error;
    return refuse(error.token.begin, reasonOf(error, source));
  }
}

function countTags(source: string, enough: number): number {
  let count = 0;
  for (let at = source.indexOf('{'); at >= 0 && count <= enough; at = source.indexOf('{', at + 1)) {
    const next = source[at + 1];
    if (next === '{' || next === '%') {
      count += 1;
      at += 1;
    }
  }
  return count;
}

/** LiquidJS ends an expression at a stray `)` or `,` and passes over what follows; here nothing is passed over. */
function assertWhole(tokens: TopLevelToken[]): void {
  let commented = false;
  for (const token of tokens) {
    if (TypeGuards.isTagToken(token)) {
      if (commented || token.name === 'comment') commented = token.name !== 'endcomment';
      else if (HOLDS_EXPRESSION.has(token.name)) readWhole(token.input, [token.tokenizer.p, token.contentRange[1]]);
    } else if (!commented && TypeGuards.isOutputToken(token)) readWhole(token.input, token.contentRange);
  }
}

function readWhole(input: string, range: [number, number]): void {
  const tokenizer = new Tokenizer(input, liquid.options.operators, undefined, range);
  tokenizer.readFilteredValue();
  tokenizer.skipBlank();
  tokenizer.assert(tokenizer.end(), () => `unexpected ${tokenizer.snapshot()}`);
}

/** What LiquidJS says, without its own way of naming the place. */
function reasonOf(error: LiquidError, source: string): string {
  const { originalError } = error;
  if (originalError instanceof RangeError) return NESTED_TOO_DEEPLY;
  const said = (originalError?.message ?? error.message.replace(/, line:\d+, col:\d+$/, '')).slice(0, 200);
  const unknown = /^tag "(.*)" not found$/.exec(said);
  if (unknown) return `there is no tag ${unknown[1]!} here. There are ${TAG_NAMES.join(', ')} and their ends; {% raw %}…{% endraw %} keeps text as it is.`;
  const filter = /^undefined filter: (.*)$/.exec(said);
  if (filter) return `there is no filter ${filter[1]!}. There are ${[...FILTER_NAMES].join(', ')}.`;
  if (/^\s*[#^>&=!/]/.test(source.slice(error.token.begin, error.token.begin + 20).replace(/^\{\{/, ''))) {
    return `${said}. Sections and partials are written {% if x %}, {% for x in list %} and {% render "name" %}.`;
  }
  return `${said}.`;
}
