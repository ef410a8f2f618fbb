import type { Dispatcher } from 'undici';

/** Where a stream's bytes go. */
export interface StreamSink {
  /** @returns false when it would rather have no more until `resume` is called */
  write(chunk: Buffer): boolean;
  end(): void;
  /** The stream broke off, fell silent for too long, or was aborted. */
  fail(error: Error): void;
}

/** The body of an answer that goes on, pushed to a sink as it comes. Until there is a sink the upstream is held back. */
export class UpstreamStream {
  private sink: StreamSink | null = null;
  private early: Buffer[] = [];
  private over: { error: Error | null } | null = null;

  private beginning: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(private readonly controller: Dispatcher.DispatchController) {}

  /** Resolves when the first bytes are here, or the stream is over without any. @throws what it failed with before. */
  begun(): Promise<void> {
    if (this.early.length > 0 || this.sink) return Promise.resolve();
    if (this.over) return this.over.error ? Promise.reject(this.over.error) : Promise.resolve();
    return new Promise((resolve, reject) => { this.beginning = { resolve, reject }; });
  }

  start(sink: StreamSink): void {
    this.sink = sink;
    for (const chunk of this.early) sink.write(chunk);
    this.early = [];
    if (this.over) this.finish();
    else this.resume();
  }

  push(chunk: Buffer): void {
    if (!this.sink) {
      this.early.push(chunk);
      this.controller.pause();
      this.beginning?.resolve();
    } else if (!this.sink.write(chunk)) {
      this.controller.pause();
    }
  }

  end(): void {
    this.over = { error: null };
    this.finish();
  }

  fail(error: Error): void {
    this.over = { error };
    this.finish();
  }

  resume(): void {
    if (this.controller.paused && !this.over) this.controller.resume();
  }

  /** Ends the connection to the upstream; the sink hears of it as a failure. */
  abort(reason: Error = new DOMException('The stream is not wanted any more.', 'AbortError')): void {
    if (!this.over) this.controller.abort(reason);
  }

  private finish(): void {
    if (this.over!.error) this.beginning?.reject(this.over!.error);
    else this.beginning?.resolve();
    if (!this.sink) return;
    if (this.over!.error) this.sink.fail(this.over!.error);
    else this.sink.end();
  }
}
