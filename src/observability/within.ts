/**
 * What `work` comes to, if it does so in time; the work itself goes on. What has come and is not read yet, since this
 * process was busy, is in time: the event loop reads sockets between a timer and an immediate.
 * @throws Error naming `what` when it takes longer.
 */
export async function within<T>(milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => setImmediate(() => reject(new Error(`${what} did not answer within ${milliseconds} ms`))), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
