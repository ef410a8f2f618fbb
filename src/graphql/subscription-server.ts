import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { type ExecutionArgs, getOperationAST, GraphQLError, OperationTypeNode } from 'graphql';
import { type Context, type ServerOptions, type SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Carrier } from '../auth/carrier.js';
import { formatGraphqlError } from '../common/graphql-error.js';
import { Documents } from './documents.js';
import { type LiveConnection, LiveConnections } from './live-connections.js';

const PATH = '/graphql';
/** Subscriptions that one connection may hold at once. */
export const MAX_SUBSCRIPTIONS = 50;
/** Silence after which a peer is asked for a sign of life, and again after which it counts as gone, milliseconds. */
const KEEP_ALIVE_MS = 12_000;
/** Largest message of a client. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

type Params = Record<string, string | undefined>;
type Connection = Context<Params, Extra>;

/**
 * Subscriptions over WebSocket in graphql-ws's protocol. Each is an async generator of which the next event is asked for
 * when the socket has taken the one before: a reader that is slow, or does not read, holds up its own generator only.
 */
@Injectable()
export class SubscriptionServer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  private readonly requestIds = new WeakMap<SubscribePayload, string>();
  private readonly connections = new WeakMap<object, LiveConnection>();
  private readonly protocol = useServer<Params>(this.options(), this.sockets, KEEP_ALIVE_MS);

  constructor(
    private readonly http: HttpAdapterHost,
    private readonly schema: GraphQLSchemaHost,
    private readonly documents: Documents,
    private readonly live: LiveConnections,
  ) {}

  onApplicationBootstrap(): void {
    const adapter = this.http.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined; // a worker has none
    (adapter?.getHttpServer() as Server | undefined)?.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  async onModuleDestroy(): Promise<void> {
    await this.protocol.dispose();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url?.split('?')[0] !== PATH) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (opened) => this.sockets.emit('connection', opened, request));
  }

  private options(): ServerOptions<Params, Extra> & { isProd: boolean } {
    return {
      isProd: true, // reasons of a close tell nothing of what went wrong inside
      onConnect: (connection) => this.admit(connection),
      onClose: (connection) => this.leave(connection),
      onSubscribe: (connection, _id, payload) => this.prepare(connection, payload),
      onError: (_connection, _id, payload, errors) => this.named(errors, payload),
      onNext: (_connection, _id, payload, _args, result) => result.errors && { ...result, errors: this.named(result.errors, payload) },
    };
  }

  /** False closes the connection with 4403. */
  private async admit({ connectionParams, extra }: Connection): Promise<boolean> {
    const connection = {
      authorization: connectionParams?.['Authorization'] ?? connectionParams?.['authorization'],
      project: connectionParams?.['x-triad-project'],
      forbid: () => extra.socket.close(4403, 'Forbidden'),
    };
    this.connections.set(extra.socket, connection);
    return this.live.admit(connection);
  }

  private leave({ extra }: Connection): void {
    const connection = this.connections.get(extra.socket);
    if (connection) this.live.leave(connection);
  }

  private prepare(connection: Connection, payload: SubscribePayload): ExecutionArgs | readonly GraphQLError[] {
    const requestId = `req-${randomUUID()}`;
    this.requestIds.set(payload, requestId);
    if (Object.keys(connection.subscriptions).length > MAX_SUBSCRIPTIONS) {
      return [new GraphQLError(`A connection holds at most ${MAX_SUBSCRIPTIONS} subscriptions. Complete one, or open another connection.`, { extensions: { code: 'too_many_subscriptions' } })];
    }
    const document = this.documents.prepare(payload);
    if (!('kind' in document)) return document;
    const { operationName, variables } = payload;
    if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION) {
      return [new GraphQLError('Subscriptions alone run over WebSocket; send queries and mutations over HTTP.')];
    }
    const contextValue: Carrier = { id: requestId, ...(connection.connectionParams && { connectionParams: connection.connectionParams }) };
    return { schema: this.schema.schema, document, operationName, variableValues: variables, contextValue };
  }

  private named(errors: readonly GraphQLError[], payload: SubscribePayload) {
    return errors.map((error) => {
      error.extensions['requestId'] = this.requestIds.get(payload);
      return formatGraphqlError(error.toJSON(), error);
    });
  }
}
