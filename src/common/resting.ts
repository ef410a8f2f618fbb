/** After a failure a service is asked again by one caller of each second. */
const REST_MS = 1_000;

/** Whether a service that failed is left alone for now, so that no caller waits for it. */
export class Resting {
  private until = 0;

  /** Whether not to ask it now. Until it has answered, callers beside the one that may do not try it. */
  now(): boolean {
    const now = performance.now();
    if (this.until > now) return true;
    if (this.until > 0) this.until = now + REST_MS;
    return false;
  }

  /** It answered. */
  over(): void {
    this.until = 0;
  }

  /** It failed. @returns whether that is news */
  begin(): boolean {
    const isNews = this.until === 0;
    this.until = performance.now() + REST_MS;
    return isNews;
  }
}
