import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import { Plugin } from '@nestjs/apollo';
import { ERROR_STATUS } from '../common/errors.js';

const REFUSED = new Set<unknown>(['rate_limited', 'insufficient_quota']);

/** A GraphQL request that was refused answers with status 429, so that clients and proxies that know no GraphQL see it. */
@Plugin()
export class RefusedStatusPlugin implements ApolloServerPlugin {
  requestDidStart(): Promise<GraphQLRequestListener<object>> {
    return Promise.resolve({
      willSendResponse: ({ response: { body, http } }) => {
        const errors = body.kind === 'single' ? body.singleResult.errors : undefined;
        if (errors?.some(({ extensions }) => REFUSED.has(extensions?.['code']))) http.status = ERROR_STATUS.rate_limited;
        return Promise.resolve();
      },
    });
  }
}
