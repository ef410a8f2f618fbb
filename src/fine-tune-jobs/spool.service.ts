import { Inject, Injectable } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RequestContext } from '../common/request-context.js';
import { CONFIG, type Config } from '../config/config.js';
import { FineTuneEventService } from './fine-tune-event.service.js';
import type { FineTuneJobEntity } from './fine-tune-job.entity.js';
import { parseBatch } from './run-event-batch.js';
import { attemptDirectory } from './run-paths.js';

const BATCH = 500;

/** Takes in what a trainer on this machine wrote down but could not post before it ended. */
@Injectable()
export class SpoolService {
  constructor(
    private readonly events: FineTuneEventService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * A last line that was cut off is left out.
   * @throws DomainError fenced when the attempt is over.
   */
  async take(ctx: RequestContext, job: FineTuneJobEntity): Promise<void> {
    const path = join(this.config.TRIAD_HOME, attemptDirectory(job.id, job.attempt), 'spool', 'events.jsonl');
    if (!(await access(path).then(() => true, () => false))) return;
    const last = await this.events.lastSeq(ctx, job);
    let batch: unknown[] = [];
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const event = parse(line);
      if (event === null || event.seq <= last || batch.push(event) < BATCH) continue;
      await this.post(ctx, job, batch);
      batch = [];
    }
    if (batch.length > 0) await this.post(ctx, job, batch);
  }

  private async post(ctx: RequestContext, job: FineTuneJobEntity, events: unknown[]): Promise<void> {
    await this.events.ingest(ctx, job.id, parseBatch({ contractVersion: 1, attempt: job.attempt, events }));
  }
}

function parse(line: string): { seq: number } | null {
  try {
    return JSON.parse(line) as { seq: number };
  } catch {
    return null;
  }
}
