import { CST, Lexer } from 'yaml';

/** Characters of YAML in one file. */
const MAX_CHARACTERS = 500_000;
/** Tokens that are not text. */
const MAX_TOKENS = 20_000;
/** The same of all files of an import. */
const MAX_TOKENS_TOGETHER = 100_000;
/** Levels of brackets; of dashes and the like in one line; spaces before a line. Together they bound how deep the reader goes. */
const MAX_NESTING = 64;
const MAX_INDENT = 200;

/** What the files of an import may still hold. */
export interface YamlBudget {
  tokens: number;
}

export const newYamlBudget = (): YamlBudget => ({ tokens: MAX_TOKENS_TOGETHER });

/**
 * Why a YAML text is not to be read, with where, or null. The reader goes deeper with each level, takes time with the square of some
 * of what it finds wrong, and has no bounds of its own; its lexer has neither fault.
 */
export function tooMuch(text: string, budget: YamlBudget): { why: string; offset: number } | null {
  if (text.length > MAX_CHARACTERS) return { why: `it has more than ${MAX_CHARACTERS} characters of YAML`, offset: 0 };
  let [offset, tokens, brackets, inLine, lineStart] = [0, 0, 0, 0, true];
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    if (type === 'newline') [inLine, lineStart] = [0, true];
    else if (type !== 'space') lineStart = false;
    if (type === 'space' && lineStart && lexeme.length > MAX_INDENT) return { why: `a line begins with more than ${MAX_INDENT} spaces`, offset };
    if (type !== 'scalar' && type !== 'space') {
      tokens += 1;
      budget.tokens -= 1;
    }
    if (type === 'flow-map-start' || type === 'flow-seq-start') brackets += 1;
    if (type === 'flow-map-end' || type === 'flow-seq-end') brackets = Math.max(0, brackets - 1);
    if (brackets === 0 && (type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind' || type === 'anchor' || type === 'tag' || type === 'alias')) inLine += 1;
    if (brackets > MAX_NESTING || inLine > MAX_NESTING) return { why: `it is nested more than ${MAX_NESTING} levels deep`, offset };
    if (budget.tokens < 0) return { why: `with the files before it, it has more than ${MAX_TOKENS_TOGETHER} lines, keys and brackets; import fewer at once`, offset };
    if (tokens > MAX_TOKENS) return { why: `it has more than ${MAX_TOKENS} lines, keys and brackets`, offset };
    offset += lexeme.length;
  }
  return null;
}
