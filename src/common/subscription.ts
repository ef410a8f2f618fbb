/**
 * An async generator that a subscriber can leave at any time. A generator that waits for something sees `return()` only
 * when the wait is over; the signal that `generate` gets fires at once and ends its wait.
 */
export function closable<T>(generate: (signal: AbortSignal) => AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const closed = new AbortController();
  const generator = generate(closed.signal);
  const close = generator.return.bind(generator);
  generator.return = (value) => {
    closed.abort();
    return close(value);
  };
  return generator;
}
