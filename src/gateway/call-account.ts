import { Inject, Injectable, Logger } from '@nestjs/common';
import { CallLog } from '../calls/call-log.js';
import type { CallRecord } from '../calls/call-record.js';
import { httpError } from '../common/http-error.filter.js';
import { CONFIG, type Config } from '../config/config.js';
import { priceOf, priceUsage } from '../deployments/pricing.js';
import type { Target } from '../deployments/target.service.js';
import { AdmissionService } from '../limits/admission.service.js';
import { countGatewayUse } from '../observability/gateway-use.js';
import type { CallEnd, GatewayCall } from './gateway-call.js';

/** What clients that left before the answer are noted with; nginx's habit. */
const CLIENT_LEFT = 499;

/** Accounts for each call once, when it has ended: limits, budget, counters, log. Nothing waits for it. */
@Injectable()
export class CallAccount {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly admission: AdmissionService,
    private readonly log: CallLog,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Waits until it is known how the project logs its calls; undefined when it is. */
  ready(call: GatewayCall): Promise<void> | undefined {
    return this.log.ready(call.ctx.projectId);
  }

  /** Whether the log wants what was asked and answered. */
  wantsTexts(call: GatewayCall): boolean {
    return this.log.modeOf(call.ctx.projectId) === 'full';
  }

  /** Once for each call; never throws: it is called from events of streams, where an error would end the process. */
  end(call: GatewayCall, end: CallEnd): void {
    if (call.hasEnded) return;
    call.hasEnded = true;
    try {
      const cost = this.costOf(call);
      const { promptTokens, completionTokens } = call.usage;
      const target = call.candidate?.target;
      if (target) countGatewayUse({ provider: labelOf(target), model: modelOf(target), promptTokens, completionTokens, cost });
      this.admission.settle(call.ctx, call.reservation, { promptTokens, completionTokens, cost });
      const mode = this.log.modeOf(call.ctx.projectId);
      if (mode !== 'off') this.log.add(recordOf(call, end, cost, mode === 'full'));
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

  /** Of a provider the price of its usage; of an own runtime the time that the call took. */
  private costOf({ candidate, usage, startedAt }: GatewayCall): number {
    const target = candidate?.target;
    if (!target || usage.promptTokens + usage.completionTokens + usage.images === 0) return 0;
    if (target.kind === 'provider') return priceUsage(priceOf(target.provider.prices, target.model), usage);
    return ((performance.now() - startedAt) / 3_600_000) * this.config.TRIAD_COMPUTE_PRICE_PER_HOUR;
  }
}

const labelOf = (target: Target): string => (target.kind === 'provider' ? target.provider.name : 'registry');
const modelOf = (target: Target): string => (target.kind === 'provider' ? target.model : `${target.version.name}/${target.version.version}`);

function recordOf(call: GatewayCall, { status, errorCode, streamed, answer }: CallEnd, cost: number, withTexts: boolean): CallRecord {
  const { candidate, ctx, body, usage, experiment } = call;
  const target = candidate?.target;
  const { model, metadata } = body;
  return {
    id: call.id, projectId: ctx.projectId, at: call.at, principal: ctx.principal, requestId: ctx.requestId, operation: call.operation,
    model: typeof model === 'string' ? model : '', target: target ? (target.kind === 'provider' ? candidate.name : `models:/${modelOf(target)}`) : null,
    deploymentId: call.deploymentId, providerId: target?.kind === 'provider' ? target.provider.id : null, modelVersionId: target?.kind === 'registry' ? target.version.id : null,
    promptVersionId: call.promptVersionId, promptMessages: call.promptMessages, variables: withTexts ? call.variables : null,
    experimentId: experiment?.experimentId ?? null, arm: experiment?.arm ?? null, stickyKey: call.stickyKey,
    metadata: typeof metadata === 'object' && metadata !== null ? metadata as Record<string, string> : null,
    status, errorCode, streamed, cached: call.cached, attempts: call.attempts,
    latencyMs: performance.now() - call.startedAt, firstTokenMs: call.firstTokenMs,
    promptTokens: usage.promptTokens, completionTokens: usage.completionTokens, cost,
    request: withTexts ? call.request : null, answer: withTexts ? answer : null,
  };
}
