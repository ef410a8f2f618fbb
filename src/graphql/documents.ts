import { Inject, Injectable } from '@nestjs/common';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { type DocumentNode, GraphQLError, parse, specifiedRules, validate } from 'graphql';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '../config/config.js';
import { LIMITS, limitRules } from './limits.js';
import { type DocumentRequest, notTrusted, TrustedDocuments } from './trusted-documents.js';

/** Parsed documents that passed every rule, for operations over WebSocket; over HTTP Apollo keeps its own. */
@Injectable()
export class Documents {
  private readonly good = new LRUCache<string, DocumentNode>({ max: 1000 });
  private readonly rules = [...specifiedRules, ...limitRules()];

  constructor(
    private readonly host: GraphQLSchemaHost,
    private readonly trusted: TrustedDocuments,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The document that a client asks for, or why it does not run. */
  prepare(request: DocumentRequest): DocumentNode | readonly GraphQLError[] {
    const text = this.trusted.enforced ? this.trusted.find(request) : request.query;
    if (this.trusted.enforced && text === undefined) return [notTrusted()];
    if (typeof text !== 'string') return [new GraphQLError('The operation has no `query`.')];
    const known = this.good.get(text);
    if (known) return known;
    const document = this.read(text);
    if ('kind' in document) this.good.set(text, document);
    return document;
  }

  private read(text: string): DocumentNode | readonly GraphQLError[] {
    try {
      const document = parse(text, { maxTokens: LIMITS.tokens });
      const errors = validate(this.host.schema, document, this.rules);
      return errors.length > 0 ? errors.map((error) => this.discreet(error)) : document;
    } catch (error) {
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  /** In production names of the schema are not suggested, as Apollo does not over HTTP. */
  private discreet(error: GraphQLError): GraphQLError {
    if (this.config.TRIAD_ENV !== 'production') return error;
    const { message, nodes, extensions } = error;
    return new GraphQLError(message.replace(/ ?Did you mean .*$/s, ''), { nodes, extensions });
  }
}
