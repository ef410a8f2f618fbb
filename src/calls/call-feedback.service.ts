import { Injectable } from '@nestjs/common';
import { TypeID } from 'typeid-js';
import { batchedLists } from '../common/batched.js';
import { DomainError, notFound } from '../common/errors.js';
import { firstIdAt } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import type { RequestContext } from '../common/request-context.js';
import { Reconciles } from '../queue/reconciles.js';
import { CallFeedbackRepository, type FeedbackListArgs } from './call-feedback.repository.js';
import { CallRepository } from './call.repository.js';
import { CallSettingsService } from './call-settings.service.js';
import type { CallFeedbackEntity } from './call.entity.js';
import { redacted, type findersOf } from './redactions.js';
import { inSlices } from './slices.js';

/** How one judges a call: at least one of the judgements. */
export interface FeedbackInput {
  callId?: string | null;
  /** Looked at without a callId only. */
  requestId?: string | null;
  score?: number | null;
  thumb?: boolean | null;
  comment?: string | null;
  correctedAnswer?: string | null;
  preferredOverCallId?: string | null;
  preferredOverAnswer?: string | null;
  metadata?: Record<string, unknown> | null;
}

/** A call whose id is not older may be on its way to the log. */
const ON_ITS_WAY_MS = 15 * 60_000;
/** Clocks of other processes may be ahead. */
const AHEAD_MS = 60_000;
/** When feedback still has no call, no call comes. */
const STRAY_AFTER_MS = 3_600_000;
/** How far back a process that starts looks for such. */
const LOOK_BACK_MS = 7 * 86_400_000;
/** Feedback looked at in one go. */
const LOOKED_AT = 5_000;
/** Calls of one request that an error names. */
const MAX_NAMED = 10;
const MAX_TEXT = 100_000;
const MAX_METADATA = 16;
/** Of the process' time that redactions may take of one judgement. */
const REDACT_MS = 1_000;

/** Judgements of calls. They are added, and never changed. */
@Injectable()
export class CallFeedbackService {
  /** Of a call. */
  readonly listOf = batchedLists((ctx, callIds, args: FeedbackListArgs) => this.feedback.listOf(ctx, callIds, args));
  /** What came before it is known to have its call, or was there long before this process. */
  private lookedAt = firstIdAt('fb', new Date(Date.now() - LOOK_BACK_MS));

  constructor(
    private readonly feedback: CallFeedbackRepository,
    private readonly calls: CallRepository,
    private readonly settings: CallSettingsService,
  ) {}

  /**
   * Judges a call. One that has only just ended need not be in the log yet: its id tells its time.
   * @throws DomainError not_found for an older call that is not in the log, and a request that is not; conflict
   *   naming the calls when several have the request id; bad_input.
   */
  async add(ctx: RequestContext, input: FeedbackInput): Promise<CallFeedbackEntity> {
    check(input);
    const { finders } = await this.settings.find(ctx);
    const metadata = metadataOf(input.metadata);
    const callId = await this.callOf(ctx, input);
    if (input.preferredOverCallId != null) {
      await this.assertKnown(ctx, input.preferredOverCallId, 'preferredOverCallId');
      if (input.preferredOverCallId === callId) throw new DomainError('bad_input', 'A call cannot be preferred over itself.', 'preferredOverCallId');
    }
    const clean = await cleaned({ comment: input.comment ?? null, correctedAnswer: input.correctedAnswer ?? null, preferredOverAnswer: input.preferredOverAnswer ?? null, metadata }, finders);
    return this.feedback.add(ctx, { callId, score: input.score ?? null, thumb: input.thumb ?? null, preferredOverCallId: input.preferredOverCallId ?? null, ...clean });
  }

  list(ctx: RequestContext, args: FeedbackListArgs): Promise<Page<CallFeedbackEntity>> {
    return this.feedback.list(ctx, args);
  }

  /** @throws DomainError not_found. */
  async find(ctx: RequestContext, id: string): Promise<CallFeedbackEntity> {
    const found = await this.feedback.find(ctx, id);
    if (!found) throw notFound('feedback', id);
    return found;
  }

  /** Removes feedback on calls that never came to the log. A call that comes later than in an hour has lost it. */
  @Reconciles()
  dropStray(): Promise<number> {
    return this.dropStrayAt(new Date());
  }

  /** The same as of a time. */
  async dropStrayAt(now: Date): Promise<number> {
    const { last, removed } = await this.feedback.removeStray(this.lookedAt, firstIdAt('fb', new Date(now.getTime() - STRAY_AFTER_MS)), LOOKED_AT);
    this.lookedAt = last;
    return removed;
  }

  private async callOf(ctx: RequestContext, { callId, requestId }: FeedbackInput): Promise<string> {
    if (callId != null) {
      await this.assertKnown(ctx, callId, 'callId');
      return callId;
    }
    const [only, ...others] = await this.calls.idsOfRequest(ctx, requestId!, MAX_NAMED + 1);
    if (only === undefined) throw notFound('call with the request id', requestId!, 'A call is in the log about a second after it has ended: ask again then, or name it by callId (header x-triad-call-id), which is taken at once.');
    if (others.length > 0) throw ambiguous(requestId!, [only, ...others]);
    return only;
  }

  private async assertKnown(ctx: RequestContext, id: string, param: string): Promise<void> {
    const age = Date.now() - timeOf(id, param);
    if (age < -AHEAD_MS || age > ON_ITS_WAY_MS) {
      if (!await this.calls.find(ctx, id)) throw notFound('call', id, 'Either it is kept no longer, or the project did not log it (query callLogging).');
    }
  }
}

/** @param ids newest first, one more than are named when there are more */
function ambiguous(requestId: string, ids: string[]): DomainError {
  const named = ids.slice(0, MAX_NAMED).join(', ');
  return new DomainError('conflict', `Several calls have the request id ${JSON.stringify(requestId.slice(0, 200))}: ${named}${ids.length > MAX_NAMED ? ' and older ones' : ''}. Say by callId which one you judge.`, 'requestId');
}

/** @throws DomainError bad_input for what is no id of a call. */
function timeOf(id: string, param: string): number {
  try {
    return Number.parseInt(TypeID.fromString(id, 'call').toUUID().replaceAll('-', '').slice(0, 12), 16);
  } catch {
    throw new DomainError('bad_input', `${JSON.stringify(id.slice(0, 100))} is no id of a call; it is in the answer's header x-triad-call-id, call_….`, param);
  }
}

function check(input: FeedbackInput): void {
  if (input.callId == null && input.requestId == null) throw new DomainError('bad_input', 'Name the call by callId (header x-triad-call-id) or by requestId (header x-request-id).', 'callId');
  const { score, thumb, comment, correctedAnswer, preferredOverCallId, preferredOverAnswer } = input;
  if ([score, thumb, comment, correctedAnswer, preferredOverCallId, preferredOverAnswer].every((each) => each == null)) {
    throw new DomainError('bad_input', 'Say something of the call: score, thumb, comment, correctedAnswer, preferredOverCallId or preferredOverAnswer.');
  }
  if (score != null && !Number.isFinite(score)) throw new DomainError('bad_input', `The score must be a finite number, not ${score}.`, 'score');
  for (const [param, text] of Object.entries({ comment, correctedAnswer, preferredOverAnswer })) {
    if (text != null && text.trim() === '') throw new DomainError('bad_input', `${param} is empty; leave it out.`, param);
    if (text != null && text.length > MAX_TEXT) throw new DomainError('bad_input', `${param} has ${text.length} characters; at most ${MAX_TEXT} are kept.`, param);
  }
}

/** As OpenAI's metadata of a request: few short texts by name. */
function metadataOf(given: Record<string, unknown> | null | undefined): Record<string, string> | null {
  if (given == null) return null;
  const entries = Object.entries(given);
  const wrong = entries.find(([key, value]) => typeof value !== 'string' || value.length > 512 || key.length > 64);
  if (wrong || entries.length > MAX_METADATA) {
    throw new DomainError('bad_input', `metadata holds at most ${MAX_METADATA} texts of up to 512 characters, under names of up to 64${wrong ? `; ${JSON.stringify(wrong[0].slice(0, 64))} is none` : ''}.`, 'metadata');
  }
  return given as Record<string, string>;
}

type Texts = Pick<CallFeedbackEntity, 'comment' | 'correctedAnswer' | 'preferredOverAnswer' | 'metadata'>;

/** @throws DomainError bad_input when the project's patterns take too long over them: nothing is stored that was not searched. */
async function cleaned(texts: Texts, finders: ReturnType<typeof findersOf>): Promise<Texts> {
  const clean = await inSlices(cleaning(texts, finders), REDACT_MS);
  if (clean === undefined) throw new DomainError('bad_input', "The project's redactions take too long over these texts: shorten the texts, or have an admin simplify the patterns (setCallLogging).");
  return clean;
}

function* cleaning(texts: Texts, finders: ReturnType<typeof findersOf>): Generator<void, Texts> {
  const of = function* (text: string | null) { return text === null ? null : yield* redacted(text, finders); };
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(texts.metadata ?? {})) metadata[key] = yield* redacted(value, finders);
  return { comment: yield* of(texts.comment), correctedAnswer: yield* of(texts.correctedAnswer), preferredOverAnswer: yield* of(texts.preferredOverAnswer), metadata: texts.metadata && metadata };
}
