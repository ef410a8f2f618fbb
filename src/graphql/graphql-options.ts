import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { withIdempotencyArgument } from '../commands/idempotency-argument.js';
import { formatGraphqlError } from '../common/graphql-error.js';
import type { Config } from '../config/config.js';
import type { EntityReferences } from './entity-references.js';
import { LIMITS, limitRules } from './limits.js';
import { requestPlugin } from './request-plugin.js';
import type { TrustedDocuments } from './trusted-documents.js';

/** Apollo over HTTP; operations over WebSocket are served by subscription-server.ts. */
export function graphqlOptions(config: Config, trusted: TrustedDocuments, references: EntityReferences): ApolloDriverConfig {
  const production = config.TRIAD_ENV === 'production';
  return {
    driver: ApolloDriver,
    autoSchemaFile: true,
    sortSchema: true,
    transformSchema: withIdempotencyArgument,
    path: '/graphql',
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    introspection: !production,
    hideSchemaDetailsFromClientErrors: production,
    graphiql: false,
    includeStacktraceInErrorResponses: false,
    // A client could have any document remembered by its hash; the manifest's are remembered by trusted-documents.ts.
    ...(trusted.enforced && { persistedQueries: false as const }),
    parseOptions: { maxTokens: LIMITS.tokens },
    validationRules: limitRules(),
    plugins: [requestPlugin(trusted), ApolloServerPluginInlineTraceDisabled()],
    transformResolvers: (resolvers) => references.take(resolvers),
    formatError: formatGraphqlError,
    context: (request: object, reply: object) => ({ req: request, reply }),
  };
}
