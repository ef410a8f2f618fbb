import { Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { DomainError } from '../common/errors.js';
import type { StreamSink, UpstreamStream } from '../deployments/runtime/upstream-stream.js';
import { reasonOf } from '../deployments/runtime/upstream.js';
import type { EventShape } from './event-shape.js';

/** How a stream ended: whole, broken off by the upstream, or left by the client. */
export type StreamEnd = 'done' | 'broken' | 'left';

/** Hears of what is passed on. */
export interface StreamWatcher {
  /** @param events whole server-sent events, in the shape of the route that was asked. @param count how many they are */
  see(events: string, count: number): void;
  /** Called once. */
  ended(how: StreamEnd): void;
}

const logger = new Logger('Gateway');
/** An event ends with an empty line (WHATWG server-sent events; CRLF and LF are both in use). */
const EVENT_END = /\r?\n\r?\n/;
const EVENT_ENDS = /\r?\n\r?\n/g;
const END_CHARACTERS = 3;
/** A provider that never ends an event shall not fill this process's memory; an image may take so much. */
const MAX_EVENT_CHARACTERS = 16_000_000;
/** Of a stream, held for a client that reads more slowly than a model writes. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

/**
 * Passes server-sent events on, each as soon as it is whole. A stream that breaks off, falls silent or ends before its last
 * event gets one with an error, which the official clients raise; never half an event. A client that leaves ends the
 * upstream's answer too, and so does one that reads too slowly for what it is sent to be held for it.
 */
export class EventRelay implements StreamSink {
  private readonly decoder = new TextDecoder();
  /** What came since the last whole event, and the last characters of it. */
  private pieces: string[] = [];
  private length = 0;
  private seam = '';
  /** What the events said of their end. */
  private said: 'done' | 'failed' | null = null;
  private over = false;

  constructor(
    private readonly out: ServerResponse,
    private readonly source: UpstreamStream,
    private readonly shape: EventShape,
    private readonly watcher: StreamWatcher,
  ) {
    out.once('close', () => this.left());
    if (out.destroyed) this.left();
  }

  write(chunk: Buffer): void {
    if (this.over) return;
    if (this.out.writableLength > MAX_UNREAD_BYTES) this.source.abort(new Error('its reader is too slow'));
    const text = this.decoder.decode(chunk, { stream: true });
    this.pieces.push(text);
    this.length += text.length;
    const seam = this.seam + text;
    this.seam = seam.slice(-END_CHARACTERS);
    if (EVENT_END.test(seam)) this.passWhole();
    if (this.length > MAX_EVENT_CHARACTERS) this.source.abort(new Error(`an event has more than ${MAX_EVENT_CHARACTERS} characters`));
  }

  end(): void {
    this.finish('it ended before its last event');
  }

  fail(error: Error): void {
    // The client's leaving ends the source too, and may be heard of here first.
    if (this.out.destroyed) this.left();
    else this.finish(reasonOf(error));
  }

  /** Passes on the events that are whole. */
  private passWhole(): void {
    const all = this.pieces.join('');
    let [count, end] = [0, 0];
    for (const found of all.matchAll(EVENT_ENDS)) {
      count += 1;
      end = found.index + found[0].length;
    }
    const rest = all.slice(end);
    [this.pieces, this.length, this.seam] = [[rest], rest.length, rest.slice(-END_CHARACTERS)];
    if (end > 0) this.pass(all.slice(0, end), count);
  }

  private pass(whole: string, count: number): void {
    const translated = this.translate(whole);
    if (!translated) return;
    const { seen, told } = translated;
    this.said ??= this.shape.endsIn(seen);
    if (seen !== '') this.watch(seen, count);
    if (told !== '') this.out.write(told);
  }

  /** Null when a provider's events cannot be read, which ends the stream. */
  private translate(whole: string): { seen: string; told: string } | null {
    try {
      return this.shape.translate(whole);
    } catch (error) {
      this.source.abort(new Error(`its events cannot be read (${String(error)})`));
      return null;
    }
  }

  /** What is noted of a stream must not end it. */
  private watch(events: string, count: number): void {
    try {
      this.watcher.see(events, count);
    } catch (error) {
      logger.error(`Events of a stream are not noted: ${String(error)}`);
    }
  }

  /** @param reason why the source is over, told when its events did not say that they were */
  private finish(reason: string): void {
    if (this.over) return;
    this.over = true;
    if (this.said === null) {
      logger.warn(`A model's stream broke off: ${reason}`);
      this.out.write(this.shape.failure(new DomainError('upstream_failed', `The model's answer broke off (${reason}). What came before is not complete; ask again.`)));
    }
    this.out.end();
    this.watcher.ended(this.said === 'done' ? 'done' : 'broken');
  }

  private left(): void {
    if (this.over) return;
    this.over = true;
    this.source.abort();
    this.watcher.ended(this.said === 'done' ? 'done' : 'left');
  }
}
