import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import { Plugin } from '@nestjs/apollo';
import { type ErrorCode, ERROR_STATUS } from '../common/errors.js';

const REFUSED: ErrorCode[] = ['rate_limited', 'insufficient_quota', 'unavailable'];

/** A GraphQL request that was refused, or came while Postgres was away, answers with status 429 or 503, so that clients and proxies that know no GraphQL see it. */
@Plugin()
export class RefusedStatusPlugin implements ApolloServerPlugin {
  requestDidStart(): Promise<GraphQLRequestListener<object>> {
    return Promise.resolve({
      willSendResponse: ({ response: { body, http } }) => {
        const errors = body.kind === 'single' ? body.singleResult.errors : undefined;
        const refused = REFUSED.find((code) => errors?.some(({ extensions }) => extensions?.['code'] === code));
        if (refused) http.status = ERROR_STATUS[refused];
        return Promise.resolve();
      },
    });
  }
}
