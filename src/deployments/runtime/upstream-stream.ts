import type { Dispatcher } from 'undici';

/** Where a stream's bytes go. */
export interface StreamSink {
  write(chunk: Buffer): void;
  end(): void;
  /** The stream broke off, fell silent for too long, or was aborted. */
  fail(error: Error): void;
}

/**
 * The body of an answer that goes on, pushed to a sink as it comes. It is never held back: undici 7 ends the process when
 * a connection is closed while it is paused (nodejs/undici issue 5360). A sink that cannot follow aborts.
 */
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
  }

  push(chunk: Buffer): void {
    if (this.sink) {
      this.sink.write(chunk);
      return;
    }
    this.early.push(chunk);
    this.beginning?.resolve();
  }

  end(): void {
    this.over = { error: null };
    this.finish();
  }

  fail(error: Error): void {
    this.over = { error };
    this.finish();
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
