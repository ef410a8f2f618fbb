import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** Nest's own start-up chatter, a line per module and route. */
const FRAMEWORK = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'GraphQLModule', 'NestApplication']);
const LEVELS: LogLevel[] = ['error', 'warn', 'log', 'debug'];

/** The process's log: JSON lines unless a person watches a terminal. */
export class ServiceLogger extends ConsoleLogger {
  constructor(threshold: 'error' | 'warn' | 'log' | 'debug') {
    super({ logLevels: LEVELS.slice(0, LEVELS.indexOf(threshold) + 1), json: !process.stdout.isTTY, colors: process.stdout.isTTY });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (!FRAMEWORK.has(String(rest.at(-1)))) super.log(message, ...rest);
  }
}
