import type { ApolloServerPlugin, GraphQLRequestContext, GraphQLRequestListener } from '@apollo/server';
import type { Carrier } from '../auth/carrier.js';
import { formatGraphqlError } from '../common/graphql-error.js';
import { type DocumentRequest, notTrusted, type TrustedDocuments } from './trusted-documents.js';

type Request = GraphQLRequestContext<Carrier>;

const requestIdOf = (context: Request): string | undefined => context.contextValue.req?.id;

/** Names the request in its errors; costs nothing where there are none. */
const naming: GraphQLRequestListener<Carrier> = {
  didEncounterErrors: (context) => {
    for (const error of context.errors) error.extensions['requestId'] = requestIdOf(context);
    return Promise.resolve();
  },
};

const refusing: GraphQLRequestListener<Carrier> = {
  willSendResponse: (context) => {
    const error = notTrusted();
    error.extensions['requestId'] = requestIdOf(context);
    context.response.body = { kind: 'single', singleResult: { errors: [formatGraphqlError(error.toJSON(), error)] } };
    return Promise.resolve();
  },
};

/** What our edge adds to each operation over HTTP: its id in errors, and trusted documents. */
export function requestPlugin(trusted: TrustedDocuments): ApolloServerPlugin<Carrier> {
  return {
    requestDidStart(context) {
      if (!trusted.enforced) return Promise.resolve(naming);
      const { request } = context;
      const found = trusted.find({ query: request.query, extensions: request.extensions, documentId: documentIdOf(request.http) });
      // Without a text Apollo answers 400 before it parses anything; `refusing` says why.
      Object.assign(request, { query: found, extensions: undefined });
      return Promise.resolve(found === undefined ? refusing : naming);
    },
  };
}

function documentIdOf(http: Request['request']['http']): unknown {
  if (http?.method === 'GET') return new URLSearchParams(http.search).get('documentId') ?? undefined;
  return (http?.body as DocumentRequest | undefined)?.documentId;
}
