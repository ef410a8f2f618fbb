import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { GqlContextType } from '@nestjs/graphql';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from './errors.js';
import { storeUnavailable } from './unavailable.js';

/** OpenAI's error shape, which the REST edge answers with. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Status and body for any error; one that is not expected keeps its details to the log. */
export function httpError(thrown: unknown): { status: number; body: ErrorBody; expected: boolean } {
  const error = storeUnavailable(thrown) ?? thrown;
  const known = error instanceof DomainError ? { status: error.status, message: error.message, param: error.param, code: error.code as string }
    : error instanceof HttpException ? { status: error.getStatus(), message: messageOf(error), param: null, code: error.getStatus() === 404 ? 'not_found' : 'bad_input' }
    : isFastifyClientError(error) ? { status: error.statusCode, message: error.message, param: null, code: 'bad_input' }
    : null;
  const { status, message, param, code } = known ?? { status: 500, message: 'An internal error happened; it is in the server\'s log.', param: null, code: 'internal' };
  return { status, body: { error: { message, type: typeOf(status), param, code } }, expected: known !== null };
}

function messageOf(error: HttpException): string {
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
    const { status, body, expected } = httpError(error);
    if (!expected) this.logger.error(`${request.method} ${request.url} ${request.id}: ${error instanceof Error ? error.stack : String(error)}`);
    if (!reply.sent) void reply.status(status).send(body);
  }
}
