import { ApolloArmor } from '@escape.tech/graphql-armor';
import { GraphQLError, type ValidationContext, type ValidationRule } from 'graphql';
import { answerSizeRule } from './answer-size.js';

/**
 * What one document may ask for. All of it is counted before anything is resolved, and once per document: documents that
 * were found good are kept parsed.
 */
export const LIMITS = {
  /** Lexical tokens; the parser stops there. */
  tokens: 1000,
  /** Fields within fields. */
  depth: 10,
  aliases: 15,
  directives: 50,
  /** Objects in the answer, see answer-size.ts. */
  objects: 20_000,
} as const;

export type Limit = keyof typeof LIMITS;

/** The error of a document over a limit; formatGraphqlError answers it as `query_too_complex`. */
export const overLimit = (limit: Limit, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { limit, maximum: LIMITS[limit] } });

const report = (limit: Limit, advice: string) => ({
  n: LIMITS[limit],
  propagateOnRejection: false,
  onReject: [(context: ValidationContext | null) => {
    context?.reportError(overLimit(limit, `The document is over the limit of ${LIMITS[limit]} for ${limit}. ${advice}`));
  }],
});

/** Rules for every document, over HTTP and over WebSocket. Fragment cycles and deep introspection are refused by graphql-js's own. */
export function limitRules(): ValidationRule[] {
  const armor = new ApolloArmor({
    maxDepth: { ...report('depth', 'Fetch the inner things in a request of their own, by their ids.'), flattenFragments: true },
    maxAliases: { ...report('aliases', 'Split it into several requests.'), allowList: ['__typename'] },
    maxDirectives: report('directives', 'Split it into several requests.'),
    // The size of the answer is counted by answer-size.ts, tokens by the parser, suggestions are hidden by Apollo.
    costLimit: { enabled: false },
    maxTokens: { enabled: false },
    blockFieldSuggestion: { enabled: false },
  });
  return [...armor.protect().validationRules, answerSizeRule(LIMITS.objects, (found) => overLimit('objects',
    `The document asks for up to ${found} objects, over the limit of ${LIMITS.objects}. Ask for smaller pages (first), or for the inner lists in requests of their own; a page size given by a variable counts as 500.`))];
}
