// Preloaded into a process (NODE_OPTIONS=--import=…) it makes the clock wrong by TRIAD_TEST_CLOCK_SHIFT_MS. Timers, which
// follow no clock, stay as they are.
const shift = Number(process.env.TRIAD_TEST_CLOCK_SHIFT_MS);
const RealDate = Date;
const now = () => RealDate.now() + shift;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, as) => Reflect.construct(target, args.length === 0 ? [now()] : args, as),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
