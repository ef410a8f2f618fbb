import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Cancellation, type CancelSignal, reasonOf } from '../../common/cancellation.js';

const shared = new Counter({ name: 'triad_gateway_coalesced_total', help: 'Calls that shared the answer of an identical one in flight' });

interface Flight {
  answer: Promise<unknown>;
  wanted: number;
  cancellation: Cancellation;
}

/** Lets identical calls that are in flight at the same time share one answer. Of this process only. */
@Injectable()
export class Coalescer {
  private readonly flights = new Map<string, Flight>();

  /**
   * What `call` comes to; or what the one under way for the same key does, be it a failure.
   * @param key names the whole request, its project included
   * @param signal a caller that leaves gets its reason at once; the call goes on while anybody wants it
   * @param call its signal fires when nobody does
   */
  run<T>(key: string, signal: CancelSignal, call: (signal: CancelSignal) => Promise<T>): Promise<{ answer: T; shared: boolean }> {
    if (signal.aborted) return Promise.reject(reasonOf(signal));
    const under = this.flights.get(key);
    if (under) shared.inc();
    const flight = under ?? this.start(key, call);
    return this.join(key, flight, signal).then((answer) => ({ answer: answer as T, shared: under !== undefined }));
  }

  /** How many calls are under way. */
  get size(): number {
    return this.flights.size;
  }

  private start(key: string, call: (signal: CancelSignal) => Promise<unknown>): Flight {
    const cancellation = new Cancellation();
    const flight: Flight = { wanted: 0, cancellation, answer: call(cancellation).finally(() => this.land(key, flight)) };
    this.flights.set(key, flight);
    return flight;
  }

  private join(key: string, flight: Flight, signal: CancelSignal): Promise<unknown> {
    flight.wanted += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        flight.wanted -= 1;
        reject(reasonOf(signal));
        if (flight.wanted > 0) return;
        this.land(key, flight);
        flight.cancellation.abort();
      };
      signal.addEventListener('abort', leave, { once: true });
      flight.answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /** Whoever comes from now on starts anew. */
  private land(key: string, flight: Flight): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}
