import { Inject, Injectable, Logger } from '@nestjs/common';
import { httpError } from '../common/http-error.filter.js';
import { CONFIG, type Config } from '../config/config.js';
import type { Target } from '../deployments/target.service.js';
import { AdmissionService } from '../limits/admission.service.js';
import { countGatewayUse } from '../observability/gateway-use.js';
import { costOf } from './chat-usage.js';
import type { CallEnd, GatewayCall } from './gateway-call.js';

/** What clients that left before the answer are noted with; nginx's habit. */
const CLIENT_LEFT = 499;

/** Accounts for each call once, when it has ended: limits, budget, counters, log. Nothing waits for it. */
@Injectable()
export class CallAccount {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly admission: AdmissionService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Never throws: it is called from events of streams, where an error would end the process. */
  end(call: GatewayCall, _end: CallEnd): void {
    try {
      const use = { ...call.tokens, cost: this.costOf(call) };
      if (call.target) countGatewayUse({ ...labelsOf(call.target), ...use });
      this.admission.settle(call.ctx, call.reservation, use);
    } catch (error) {
      this.logger.error(`Call ${call.id} is not accounted for: ${String(error)}`);
    }
  }

  /** A call that ended in an error, or with its client's leaving. */
  fail(call: GatewayCall, error: unknown): void {
    const left = call.gone.aborted;
    const { status, body } = httpError(error);
    this.end(call, { status: left ? CLIENT_LEFT : status, errorCode: left ? 'client_left' : body.error.code, streamed: false, answer: null });
  }

  private costOf(call: GatewayCall): number {
    const { promptTokens, completionTokens } = call.tokens;
    if (!call.target || promptTokens + completionTokens === 0) return 0;
    return costOf(call.target, call.tokens, (performance.now() - call.startedAt) / 1000, this.config.TRIAD_COMPUTE_PRICE_PER_HOUR);
  }
}

const labelsOf = (target: Target) => (target.kind === 'provider' ? { provider: target.provider.name, model: target.model }
  : { provider: 'registry', model: `${target.version.name}/${target.version.version}` });
