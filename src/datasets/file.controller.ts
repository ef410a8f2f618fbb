import { Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Ctx } from '../auth/carrier.js';
import { NoCommand, sayReplayed } from '../commands/command.interceptor.js';
import { DomainError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { fileObject, ListFilesQuery } from './dataset.types.js';
import { FILE_SCHEMAS } from './file.openapi.js';
import { FileService, type ReceivedFile } from './file.service.js';

/** OpenAI's files API. */
@ApiBearerAuth()
@Controller('v1/files')
export class FileController {
  constructor(private readonly files: FileService) {}

  @ApiOperation({ summary: 'Uploads a JSONL file, checking every line', description: 'The first line that is wrong is named; nothing of a wrong file is kept.' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: FILE_SCHEMAS.upload })
  @ApiOkResponse({ description: 'The file object', schema: FILE_SCHEMAS.file })
  @NoCommand()
  @Post()
  @HttpCode(200)
  async create(@Ctx() ctx: RequestContext, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Headers('idempotency-key') key?: string) {
    await this.files.assertRoom(ctx, Number(request.headers['content-length'] ?? 0)).catch((error: unknown) => {
      request.raw.resume(); // a client that is still sending would not see the answer
      throw error;
    });
    const { file: received, purpose } = await this.readForm(request);
    const { file, replayed } = await this.files.add(ctx, received, purpose, key);
    if (replayed) sayReplayed(reply);
    return fileObject(file);
  }

  @ApiOperation({ summary: 'Lists files' })
  @ApiOkResponse({ description: 'A page of file objects; `has_more` tells of another, after `last_id`', schema: FILE_SCHEMAS.page })
  @Get()
  async list(@Ctx() ctx: RequestContext, @Query() { after, purpose, limit, order }: ListFilesQuery) {
    const { files, hasMore } = await this.files.list(ctx, { after: after ?? null, purpose: purpose ?? null, limit, order });
    return { object: 'list', data: files.map(fileObject), first_id: files[0]?.id ?? null, last_id: files.at(-1)?.id ?? null, has_more: hasMore };
  }

  @ApiOperation({ summary: 'One file object' })
  @ApiOkResponse({ description: 'The file object', schema: FILE_SCHEMAS.file })
  @Get(':id')
  async find(@Ctx() ctx: RequestContext, @Param('id') id: string) {
    return fileObject(await this.files.find(ctx, id));
  }

  @ApiOperation({ summary: 'The bytes as uploaded', description: 'Refused with `sealed` when a sealed data set was made of them.' })
  @ApiOkResponse({ description: 'JSONL', content: { 'application/jsonl': { schema: { type: 'string' } } } })
  @Get(':id/content')
  async content(@Ctx() ctx: RequestContext, @Param('id') id: string) {
    return new StreamableFile(await this.files.content(ctx, id), { type: 'application/jsonl' });
  }

  @ApiOperation({ summary: 'Deletes a file', description: 'Refused with `conflict` while a data set version was made from it.' })
  @ApiOkResponse({ description: 'It is gone', schema: FILE_SCHEMAS.deleted })
  @NoCommand()
  @Delete(':id')
  async remove(@Ctx() ctx: RequestContext, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') id: string, @Headers('idempotency-key') key?: string) {
    const { replayed } = await this.files.remove(ctx, id, key);
    if (replayed) sayReplayed(reply);
    return { id, object: 'file', deleted: true };
  }

  /** Reads the whole form, even after an error in it: a client that is still sending would not see an answer. */
  private async readForm(request: FastifyRequest): Promise<{ file: ReceivedFile; purpose: string | null }> {
    if (!request.isMultipart()) throw new DomainError('bad_input', 'Send the file as multipart/form-data with the fields file and purpose.', 'file');
    let purpose: string | null = null;
    let file: Promise<ReceivedFile> | null = null;
    try {
      for await (const part of request.parts()) {
        if (part.type === 'field' && part.fieldname === 'purpose') purpose = String(part.value);
        if (part.type !== 'file') continue;
        if (part.fieldname === 'file') file = this.files.receive(cleanName(part.filename), part.file);
        await file?.catch(() => undefined);
        part.file.resume();
      }
    } catch (error) {
      const failure: unknown = await file?.then((received) => this.files.discard(received), (problem: unknown) => problem);
      throw failure instanceof DomainError ? failure : formError(error);
    }
    if (!file) throw new DomainError('bad_input', 'The form has no field "file".', 'file');
    return { file: await file, purpose };
  }
}

/** What the client sees of a form that cannot be read to its end. */
function formError(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  return code?.startsWith('FST_') ? error : new DomainError('bad_input', `The form broke off or cannot be read (${message}). Send it again.`, 'file');
}

/** A name to show: without control characters, of bounded length. */
const cleanName = (name: string | undefined): string => (name ?? '').replace(/\p{Cc}/gu, '').slice(0, 255) || 'upload.jsonl';
