import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GraphQLError } from 'graphql';
import { z } from 'zod';
import { CONFIG, type Config, ConfigError } from '../config/config.js';

/** How a client names the document that it wants run. */
export interface DocumentRequest {
  /** The whole text. */
  query?: unknown;
  /** GraphQL over HTTP's draft; `sha256:<hex>` or the manifest's own id. */
  documentId?: unknown;
  /** Apollo's way: `persistedQuery.sha256Hash`. */
  extensions?: unknown;
}

/** graphql-codegen's persisted documents, or Apollo's operation manifest. */
const MANIFEST = z.union([
  z.object({ format: z.literal('apollo-persisted-query-manifest'), operations: z.array(z.object({ id: z.string(), body: z.string() })) })
    .transform(({ operations }) => operations.map(({ id, body }) => [id, body] as const)),
  z.record(z.string(), z.string()).transform((documents) => Object.entries(documents)),
]);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The documents that may run, when TRIAD_TRUSTED_DOCUMENTS lists them; without it every document may. */
@Injectable()
export class TrustedDocuments {
  private readonly texts: Map<string, string> | null;

  constructor(@Inject(CONFIG) config: Config) {
    this.texts = config.TRIAD_TRUSTED_DOCUMENTS === undefined ? null : read(config.TRIAD_TRUSTED_DOCUMENTS);
  }

  /** Whether only listed documents run. */
  get enforced(): boolean {
    return this.texts !== null;
  }

  /** Text of the listed document that a client asks for, by id, by hash or by text; undefined when it is not listed. */
  find({ query, documentId, extensions }: DocumentRequest): string | undefined {
    const persisted = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | null | undefined)?.persistedQuery?.sha256Hash;
    const id = documentId ?? persisted ?? (typeof query === 'string' ? sha256(query) : undefined);
    return typeof id === 'string' ? this.texts?.get(id.replace(/^sha256:/, '')) : undefined;
  }
}

/** Every document under the manifest's id and under its SHA-256. */
function read(path: string): Map<string, string> {
  try {
    const documents = MANIFEST.parse(JSON.parse(readFileSync(path, 'utf8')));
    return new Map(documents.flatMap(([id, text]) => [[id.replace(/^sha256:/, ''), text], [sha256(text), text]]));
  } catch (error) {
    throw new ConfigError(`TRIAD_TRUSTED_DOCUMENTS: ${path} is not a manifest of documents: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The answer for a document that is not listed. */
export const notTrusted = (): GraphQLError => new GraphQLError(
  'This server runs only the documents of its manifest, and this is none of them. Add it to the manifest that TRIAD_TRUSTED_DOCUMENTS names.',
  { extensions: { code: 'document_not_trusted' } });
