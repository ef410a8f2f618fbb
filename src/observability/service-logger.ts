import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Config } from '../config/config.js';
import { currentLogFields } from './log-context.js';
import { redactSecrets } from './redact.js';

/** Nest's own start-up chatter, a line per module and route. */
const FRAMEWORK = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'GraphQLModule', 'NestApplication']);
/** Characters; the strings of a longer line are cut. */
const LONGEST_LINE = 64 * 1024;
const LONGEST_STRING = 8 * 1024;
const LEVEL_OF = { error: 'error', warn: 'warn', log: 'info', debug: 'debug' } as const;

/**
 * The process's log: JSON lines, each with the fields of the request or job it was written in, and no secret. A person
 * who watches a terminal gets a readable line.
 * @param destination standard output unless a test listens
 */
export function createLogger(level: Config['TRIAD_LOG_LEVEL'], destination?: DestinationStream): Logger {
  const readable = !destination && process.stdout.isTTY;
  return pino({
    level: LEVEL_OF[level],
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: () => ({ ...currentLogFields() }),
    hooks: { streamWrite: (line) => (readable ? readableLine(redactSecrets(shortened(line))) : redactSecrets(shortened(line))) },
  }, destination ?? pino.destination(1));
}

/** Nest's log through pino. */
export class ServiceLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    if (!FRAMEWORK.has(String(rest.at(-1)))) this.write('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  /** Nest passes what else there is (for an error its stack), and last the name of who logs. */
  private write(level: 'error' | 'warn' | 'info' | 'debug', message: unknown, rest: unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? { context: rest.at(-1) } : {};
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
    if (message instanceof Error) this.logger[level]({ ...context, err: message }, message.message);
    else if (typeof message === 'string') this.logger[level]({ ...context, ...stack }, message);
    else this.logger[level]({ ...context, ...stack, details: message });
  }
}

/** Still a line of JSON, whatever somebody made the service log. */
function shortened(line: string): string {
  if (line.length <= LONGEST_LINE) return line;
  return `${JSON.stringify(JSON.parse(line, (_, value: unknown) => (typeof value === 'string' && value.length > LONGEST_STRING ? `${value.slice(0, LONGEST_STRING)}…` : value)))}\n`;
}

function readableLine(line: string): string {
  const { time, level, pid: _pid, context, msg, stack, err, ...fields } = JSON.parse(line) as Record<string, unknown> & { time: string; level: string; msg?: string; err?: { stack?: string } };
  const more = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : '';
  const trail = err?.stack ?? stack;
  return `${time.slice(11, 19)} ${level.toUpperCase().padEnd(5)} ${typeof context === 'string' ? `[${context}] ` : ''}${msg ?? ''}${more}${typeof trail === 'string' ? `\n${trail}` : ''}\n`;
}
