import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { CommandService } from '../commands/command.service.js';
import { DomainError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { QuotaService } from '../limits/quota.service.js';
import type { FileEntity } from './dataset.entity.js';
import { FileRepository, type FileQuery } from './file.repository.js';
import { badLine, DataProblem, parseLine, splitLines } from './lines.js';

export const FILE_PURPOSES = ['fine-tune', 'evals', 'user_data'];

/** An uploaded file that is on disk and checked, and not yet known to anyone. */
export interface ReceivedFile {
  id: string;
  filename: string;
  path: string;
  bytes: number;
  rows: number;
  sha256: string;
}

@Injectable()
export class FileService {
  constructor(
    private readonly commands: CommandService,
    private readonly files: FileRepository,
    private readonly quotas: QuotaService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Whether there is room, before anything is received. @throws DomainError quota_exceeded. */
  assertRoom(ctx: RequestContext, bytes: number): Promise<void> {
    return this.quotas.assertStorage(ctx, bytes);
  }

  /**
   * Streams a JSONL file to disk, checking each line on the way; memory does not grow with its size.
   * @param content `truncated` once it was cut at the largest size allowed
   * @throws DomainError bad_data naming file and line, too_large; nothing is kept then.
   */
  async receive(filename: string, content: Readable & { truncated: boolean }): Promise<ReceivedFile> {
    const id = newId('file');
    const path = join('files', `${id}.jsonl`);
    const target = join(this.config.TRIAD_HOME, path);
    const partial = `${target}.partial`;
    await mkdir(dirname(target), { recursive: true });
    const output = await open(partial, 'wx');
    const hash = createHash('sha256');
    const maxBytes = this.config.TRIAD_UPLOAD_MAX_BYTES;
    let bytes = 0;
    // The stream is not destroyed by a bad line: the rest of the request has to be read for the client to see the answer.
    const chunks: AsyncIterable<Buffer> = content.iterator({ destroyOnReturn: false });
    async function* written() {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        await output.writeFile(chunk);
        yield chunk;
      }
      if (content.truncated) throw new DomainError('too_large', `${filename} is larger than ${maxBytes} bytes (TRIAD_UPLOAD_MAX_BYTES). Upload it in parts, as several data sets.`, 'file');
    }
    try {
      const rows = await checkLines(splitLines(written(), filename), filename);
      await output.sync();
      await rename(partial, target);
      return { id, filename, path, bytes, rows, sha256: hash.digest('hex') };
    } finally {
      await output.close();
      await rm(partial, { force: true });
    }
  }

  /**
   * Makes a received file known.
   * @param key the caller's idempotency key: the same file under the same key is the one that came first
   * @throws DomainError bad_input, quota_exceeded; nothing is kept then.
   */
  async add(ctx: RequestContext, received: ReceivedFile, purpose: string | null, key: string | null = null): Promise<{ file: FileEntity; replayed: boolean }> {
    try {
      if (purpose === null || !FILE_PURPOSES.includes(purpose)) {
        throw new DomainError('bad_input', `${purpose === null ? 'The form has no purpose' : `The purpose ${JSON.stringify(purpose)} is not known`}; send one of ${FILE_PURPOSES.join(', ')}.`, 'purpose');
      }
      const { filename, sha256 } = received;
      const command = { operation: 'POST /v1/files', arguments: { filename, purpose, sha256 }, key };
      const { answer, replayed } = await this.commands.run(ctx, command, async (tx) => {
        await this.quotas.holdStorage(tx, received.bytes);
        return this.files.add(tx, { ...received, purpose, createdBy: ctx.principal });
      });
      if (replayed) await this.discard(received);
      return { file: answer, replayed };
    } catch (error) {
      // A connection that breaks at COMMIT leaves open whether the row is there; then its bytes stay.
      if (error instanceof DomainError || await this.files.find(ctx, received.id).then((row) => row === null, () => false)) await this.discard(received);
      throw error;
    }
  }

  /** Removes a received file that is not to be added. */
  async discard(received: ReceivedFile): Promise<void> {
    await rm(join(this.config.TRIAD_HOME, received.path), { force: true });
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<FileEntity> {
    const file = await this.files.find(ctx, id);
    if (!file) throw notFound('file', id);
    return file;
  }

  /** Keeps a file from being deleted until the caller's transaction ends. @throws DomainError not_found. */
  async hold(tx: RequestContext, id: string): Promise<void> {
    if (!(await this.files.lock(tx, id, 'share'))) throw notFound('file', id);
  }

  async list(ctx: RequestContext, query: FileQuery): Promise<{ files: FileEntity[]; hasMore: boolean }> {
    const found = await this.files.list(ctx, query);
    return { files: found.slice(0, query.limit), hasMore: found.length > query.limit };
  }

  /** The bytes as uploaded. @throws DomainError not_found; sealed when a sealed data set was made of them. */
  async content(ctx: RequestContext, id: string): Promise<Readable> {
    const file = await this.find(ctx, id);
    const version = await this.files.versionOf(ctx, id);
    if (version?.sealed) {
      throw new DomainError('sealed', `The file is the source of ${version.name}/${version.version}, which is sealed: its rows are not given out.`, 'file_id');
    }
    return createReadStream(this.absolute(file));
  }

  /** @throws DomainError not_found; conflict while a data set version was made from the file. */
  async remove(ctx: RequestContext, id: string, key: string | null = null): Promise<{ replayed: boolean }> {
    const command = { operation: 'DELETE /v1/files/:id', arguments: { id }, key };
    const { answer: file, replayed } = await this.commands.run(ctx, command, async (tx) => {
      const found = await this.files.lock(tx, id, 'update');
      if (!found) throw notFound('file', id);
      const version = await this.files.versionOf(tx, id);
      if (version) throw new DomainError('conflict', `The data set version ${version.name}/${version.version} was made from this file, so it is kept.`, 'file_id');
      await this.files.remove(tx, id);
      return found;
    });
    await rm(this.absolute(file), { force: true });
    return { replayed };
  }

  /** The rows of a file, which were checked when it came. @throws DomainError not_found when it is deleted meanwhile. */
  async *rows(file: FileEntity): AsyncGenerator<object> {
    const content = createReadStream(this.absolute(file));
    try {
      for await (const { number, bytes } of splitLines(content, file.filename)) yield parseLine(bytes, number);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? notFound('file', file.id) : error;
    }
  }

  private absolute(file: FileEntity): string {
    return join(this.config.TRIAD_HOME, file.path);
  }
}

/** @returns the number of lines. @throws DomainError bad_data for the first that is wrong, or when there is none. */
async function checkLines(lines: AsyncIterable<{ number: number; bytes: Buffer }>, filename: string): Promise<number> {
  let rows = 0;
  for await (const { number, bytes } of lines) {
    try {
      parseLine(bytes, number);
    } catch (error) {
      throw error instanceof DataProblem ? badLine(filename, number, error.message) : error;
    }
    rows = number;
  }
  if (rows === 0) throw new DomainError('bad_data', `${filename} is empty. Upload JSONL: one JSON object per line.`, 'file');
  return rows;
}
