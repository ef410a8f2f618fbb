import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { addLogFields, withLogFields } from './log-context.js';
import { createLogger, ServiceLogger } from './service-logger.js';

describe('the log', () => {
  const lines: string[] = [];
  const start = (level: 'log' | 'debug' = 'log') => Logger.overrideLogger(new ServiceLogger(createLogger(level, { write: (line: string) => void lines.push(line) })));
  const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  afterEach(() => {
    Logger.overrideLogger(['log', 'error', 'warn']);
    lines.length = 0;
  });

  it('is JSON lines with level, time, who logs and what', () => {
    start();
    new Logger('Queue').warn('it is late');
    new Logger('Queue').error('it failed', 'Error: it failed\n    at here');
    expect(logged()).toEqual([
      expect.objectContaining({ level: 'warn', context: 'Queue', msg: 'it is late', time: expect.stringMatching(/^\d{4}-.*Z$/) as string }),
      expect.objectContaining({ level: 'error', context: 'Queue', msg: 'it failed', stack: expect.stringContaining('at here') as string }),
    ]);
  });

  it('keeps to its level, and leaves out the framework\'s chatter', () => {
    start();
    new Logger('X').debug('detail');
    new Logger('InstanceLoader').log('module');
    expect(logged()).toEqual([]);
  });

  it('says in each line of a request or job which it is, and what is found out about it later', async () => {
    start();
    const logger = new Logger('X');
    await withLogFields({ requestId: 'req-1' }, async () => {
      logger.log('first');
      await Promise.resolve();
      addLogFields({ projectId: 'proj_1', principal: 'key:1' });
      logger.log('second');
    });
    logger.log('outside');
    addLogFields({ projectId: 'nobody' });
    const [first, second, outside] = logged();
    expect(first).toMatchObject({ requestId: 'req-1' });
    expect(second).toMatchObject({ requestId: 'req-1', projectId: 'proj_1', principal: 'key:1' });
    expect(outside).not.toHaveProperty('requestId');
  });

  it('cuts the strings of a line that is too long, and stays JSON', () => {
    start();
    new Logger('X').log('a.'.repeat(100_000));
    new Logger('X').log('next');
    expect(lines[0]!.length).toBeLessThan(10_000);
    expect(logged()).toEqual([expect.objectContaining({ level: 'info', msg: expect.stringMatching(/^a\.a\..*…$/) as string }), expect.objectContaining({ msg: 'next' })]);
    expect(lines[0]).toMatch(/\n$/);
  });

  it('holds no secret: not of a message, a stack, an error\'s own fields or an object', () => {
    start('debug');
    const logger = new Logger('X');
    const secret = `triad_${'k'.repeat(43)}`;
    logger.error(`Cannot use ${secret}`, `Error: Bearer ${secret}\n    at x`);
    logger.error(Object.assign(new Error(`provider refused ${secret}`), { headers: { authorization: 'Basic aGVsbG86d29ybGQ=' } }));
    logger.debug({ apiKey: 'a-plain-word', nested: [{ password: 'another-word' }] });
    expect(lines).toHaveLength(3);
    for (const hidden of [secret, 'aGVsbG86d29ybGQ', 'a-plain-word', 'another-word']) expect(lines.join('')).not.toContain(hidden);
  });
});
