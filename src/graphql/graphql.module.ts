import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { CONFIG, type Config } from '../config/config.js';
import { Documents } from './documents.js';
import { EntityReferences } from './entity-references.js';
import { FederationResolver } from './federation.resolver.js';
import { graphqlOptions } from './graphql-options.js';
import { LiveConnections } from './live-connections.js';
import { RefusedRequests } from './refused-requests.js';
import { SubscriptionServer } from './subscription-server.js';
import { TrustedDocuments } from './trusted-documents.js';

@Module({ providers: [TrustedDocuments, EntityReferences], exports: [TrustedDocuments, EntityReferences] })
class GraphqlSettingsModule {}

/** The GraphQL edge: one schema of all features, over HTTP, over WebSocket, and as a subgraph. */
@Module({
  imports: [
    GraphqlSettingsModule,
    GraphQLModule.forRootAsync<ApolloDriverConfig>({
      driver: ApolloDriver,
      imports: [GraphqlSettingsModule],
      inject: [CONFIG, TrustedDocuments, EntityReferences],
      // Nest's preview, from which openapi.json is made, starts this module without what it injects.
      useFactory: (config: Config | null, trusted: TrustedDocuments, references: EntityReferences) =>
        (config ? graphqlOptions(config, trusted, references) : { autoSchemaFile: true }),
    }),
  ],
  providers: [Documents, LiveConnections, RefusedRequests, SubscriptionServer, FederationResolver],
})
export class GraphqlModule {}
