import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import type { CallFilter } from './call-filter.js';
import { callObject } from './call.rest.js';
import { CallService } from './call.service.js';

@Injectable()
export class CallExportService {
  constructor(private readonly calls: CallService) {}

  /** JSONL, some lines at a time. The first are read before it answers, so that what is wrong with the filter is an error. */
  async lines(ctx: RequestContext, filter: CallFilter): Promise<AsyncGenerator<string>> {
    const pages = this.calls.pages(ctx, filter);
    const first = await pages.next();
    async function* lines() {
      for (let page = first; !page.done; page = await pages.next()) {
        for (const call of page.value) yield `${JSON.stringify(callObject(call))}\n`;
      }
    }
    return lines();
  }
}
