import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import { Plugin } from '@nestjs/apollo';
import { Kind, type OperationDefinitionNode } from 'graphql';
import { addLogFields } from './log-context.js';
import { graphqlDuration } from './metrics.js';

/** Measures GraphQL operations over HTTP under the name of their root field, which the schema bounds (a client's name does not). */
@Plugin()
export class GraphqlObserver implements ApolloServerPlugin {
  // Apollo keeps parsed documents, so that the same node comes again.
  private readonly names = new WeakMap<OperationDefinitionNode, string>();

  requestDidStart(): Promise<GraphQLRequestListener<object>> {
    const startedAt = performance.now();
    let [type, operation] = ['none', 'invalid'];
    return Promise.resolve({
      didResolveOperation: ({ operation: node }) => {
        [type, operation] = [node!.operation, this.nameOf(node!)];
        addLogFields({ operation });
        return Promise.resolve();
      },
      willSendResponse: ({ response: { body } }) => {
        const error = body.kind === 'single' ? body.singleResult.errors?.[0] : undefined;
        const code = error ? error.extensions?.['code'] : 'ok';
        graphqlDuration.observe({ type, operation, code: typeof code === 'string' ? code : 'internal' }, (performance.now() - startedAt) / 1000);
        return Promise.resolve();
      },
    });
  }

  private nameOf(operation: OperationDefinitionNode): string {
    let name = this.names.get(operation);
    if (name === undefined) {
      const [first, ...more] = operation.selectionSet.selections;
      name = first?.kind === Kind.FIELD && more.length === 0 ? first.name.value : 'several';
      this.names.set(operation, name);
    }
    return name;
  }
}
