import type { Operation } from '../calls/call-record.js';
import type { ProviderKind } from '../deployments/deployment.entity.js';
import { messageOf } from './protocols/messages-answer.js';
import { chatRequestOf } from './protocols/messages-request.js';
import { openaiError } from './protocols/openai.js';
import { protocolOf } from './protocols/protocol-of.js';
import type { EventReader, Json, OpenAiError, Protocol } from './protocols/protocol.js';

/** How a call is put to a kind of provider, and what comes back is read. */
export class Dialogue {
  readonly protocol: Protocol;
  /** What is asked upstream: an Anthropic client's message is asked as a chat of those that take no other. */
  readonly asked: Operation;

  /** @param kind that of the own runtimes is `openai` */
  constructor(private readonly operation: Operation, kind: ProviderKind) {
    this.protocol = protocolOf(kind);
    this.asked = operation === 'message' && !this.protocol.operations.has('message') ? 'chat' : operation;
  }

  /** Whether the caller speaks Anthropic's protocol and the provider does not. */
  get isTranslated(): boolean {
    return this.asked !== this.operation;
  }

  /** @throws DomainError bad_input naming what this kind of provider cannot do. */
  request(body: Json, model: string): { path: string; body: Json } {
    return this.protocol.request(this.asked, this.isTranslated ? chatRequestOf(body) : body, model);
  }

  /** A whole answer in the shape of `asked`. @throws DomainError upstream_failed. */
  read(text: string): string {
    return this.protocol.answer(this.asked, text);
  }

  /** That answer in the caller's shape. */
  tell(answer: string): string {
    return this.isTranslated ? messageOf(answer) : answer;
  }

  /** Null when events are passed on as they are. */
  reader(body: Json): EventReader | null {
    return this.protocol.events(this.asked, this.isTranslated ? chatRequestOf(body) : body);
  }

  /** A refusal as OpenAI's error; null when it is in no known shape. */
  error(text: string, status: number): { status: number; error: OpenAiError } | null {
    return this.protocol.error(text, status) ?? openaiError(text, status);
  }
}
