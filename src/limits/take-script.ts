import type { Redis } from 'ioredis';
import { type Bucket, PERIOD_US, type Taken } from './buckets.js';

/**
 * Checks all buckets of a request and takes from all of them, or from none, in one round trip. Rates are GCRA (generic
 * cell rate algorithm): a bucket is one number, the theoretical arrival time, in microseconds of Redis' clock.
 * `local-limiter.ts` is the same in memory. A stored or given number that is not finite counts as 0.
 * ARGV: `1` to take even what is not left; then per bucket: counts, limit, cost, floor, end in milliseconds.
 */
const SCRIPT = `
local function finite(text)
  local value = tonumber(text) or 0
  return value - value == 0 and value or 0
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local period = ${PERIOD_US}
local answers, states, worst, refused = {}, {}, -1, 0
for i = 1, #KEYS do
  local at = (i - 1) * 5 + 1
  local counts, limit, cost = ARGV[at + 1], tonumber(ARGV[at + 2]), finite(ARGV[at + 3])
  local stored = finite(redis.call('GET', KEYS[i]) or '0')
  local before, after, retry, ttl, remaining, reset
  if counts == 'budget' then
    before = math.max(stored, finite(ARGV[at + 4]))
    after = math.max(before + cost, 0)
    reset = math.max(tonumber(ARGV[at + 5]) - now / 1000, 1)
    retry = (before >= limit or after > limit) and reset or 0
    ttl = reset + 86400000
  else
    before = math.max(stored, now)
    after = math.max(before + cost * period / limit, now)
    retry = math.max(after - now - period, 0) / 1000
    if retry < 0.001 then retry = 0 end
  end
  if retry > worst and retry > 0 then worst, refused = retry, i end
  states[i] = { counts, limit, before, after, retry, reset, ttl }
end
local take = refused == 0 or ARGV[1] == '1'
for i, state in ipairs(states) do
  local counts, limit, value, reset, ttl = state[1], state[2], take and state[4] or state[3], state[6], state[7]
  local remaining
  if counts == 'budget' then
    remaining = limit - value
  else
    reset = (value - now) / 1000
    ttl = reset + 1000
    remaining = (period - (value - now)) * limit / period + 0.000001
  end
  if take and state[4] ~= state[3] then
    redis.call('SET', KEYS[i], string.format('%.0f', value), 'PX', string.format('%.0f', math.ceil(ttl)))
  end
  answers[i] = { math.floor(math.max(remaining, 0)), math.ceil(reset), math.ceil(state[5]) }
end
return { refused, answers }
`;

export type WithTake = Redis & { triadTake(keys: number, ...args: string[]): Promise<[number, [number, number, number][]]> };

/** Defines the script on a connection; it is sent once and called by its digest. */
export function defineTake(redis: Redis): WithTake {
  redis.defineCommand('triadTake', { lua: SCRIPT });
  return redis as WithTake;
}

/** @param force takes even what is not left: for corrections. */
export async function takeFromRedis(redis: WithTake, buckets: readonly Bucket[], force: boolean): Promise<Taken> {
  const args = buckets.flatMap(({ counts, limit, cost, floor, endsAt }) => [counts, ...[limit, cost, floor, endsAt].map(String)]);
  const [refused, states] = await redis.triadTake(buckets.length, ...buckets.map(({ key }) => key), force ? '1' : '0', ...args);
  return {
    refused: refused === 0 ? null : refused - 1,
    states: states.map(([remaining, resetMs, retryMs]) => ({ remaining, resetMs, retryMs })),
  };
}
