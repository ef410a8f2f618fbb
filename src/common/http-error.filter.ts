import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { GqlContextType } from '@nestjs/graphql';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DomainError } from './errors.js';
import { asDomainError } from './expected-failure.js';

/** OpenAI's error shape, which the REST edge answers with. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

/** Codes of failures of HTTP itself, by status. */
const HTTP_CODES: Record<number, string> = { 404: 'not_found', 405: 'method_not_allowed', 413: 'too_large', 415: 'unsupported_media_type' };

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Status and body for any error; one that is not expected keeps its details to the log. */
export function httpError(error: unknown): { status: number; body: ErrorBody; expected: boolean } {
  const known = knownError(error);
  const { status, ...body } = known ?? { status: 500, message: 'An internal error happened; it is in the server\'s log.', type: 'server_error', param: null, code: 'internal' };
  return { status, body: { error: body }, expected: known !== null };
}

/** As `httpError`; what nobody expected goes to the log, with the request that met it. */
export function loggedHttpError(error: unknown, { method, url, id }: Pick<FastifyRequest, 'method' | 'url' | 'id'>, logger: Logger): { status: number; body: ErrorBody } {
  const { status, body, expected } = httpError(error);
  if (!expected) logger.error(`${method} ${url} ${id}: ${error instanceof Error ? error.stack : String(error)}`);
  return { status, body };
}

function knownError(error: unknown): (ErrorBody['error'] & { status: number }) | null {
  const domain = asDomainError(error);
  if (domain) return { status: domain.status, ...openaiWords(domain) };
  const status = error instanceof HttpException ? error.getStatus() : isFastifyClientError(error) ? error.statusCode : null;
  if (status === null) return null;
  return { status, message: messageOf(error as Error), type: typeOf(status), param: null, code: HTTP_CODES[status] ?? 'bad_input' };
}

/** The codes that OpenAI's clients look for; of a rate limit `param` says what is limited. */
function openaiWords({ code, message, param, status, openaiCode }: DomainError): ErrorBody['error'] {
  if (code === 'rate_limited') return { message, type: param ?? 'requests', param: null, code: 'rate_limit_exceeded' };
  return { message, type: code === 'insufficient_quota' ? code : typeOf(status), param, code: openaiCode ?? code };
}

function messageOf(error: Error): string {
  if (!(error instanceof HttpException)) return error.message;
  const response = error.getResponse();
  return typeof response === 'string' ? response : [(response as { message?: string | string[] }).message ?? error.message].flat().join('; ');
}

function isFastifyClientError(error: unknown): error is Error & { statusCode: number } {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
}

/** Answers errors of REST routes; those of GraphQL go on to Apollo. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('REST');

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType<GqlContextType>() === 'graphql') throw error;
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const { status, body } = loggedHttpError(error, request, this.logger);
    if (!reply.sent) void reply.status(status).send(body);
  }
}
