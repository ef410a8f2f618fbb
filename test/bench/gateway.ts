import type { Service } from '../../demo/service.js';
import { type Contender, type Contenders, logCalls, startContenders } from './contenders.js';
import { throughput } from './load.js';
import { type AtRate, HELD, highestHeld, sendAtRate } from './open-load.js';
import { measurePairs, median, type PairedResult } from './pairs.js';
import { cpuMicros } from './process-cpu.js';
import type { Findings, Table } from './report.js';

/** Requests per second. */
const RATES = [200, 1_000, 3_000];
const ROUNDS = 3;
const ROUND_SECONDS = 3;
const THROUGHPUT_SECONDS = 4;
const LOWEST_RATE = 25;

/** What the page says of the comparison's terms. */
const RIVALS = `Portkey and LiteLLM are called as they come: without limits, a prompt or a log (LiteLLM with its master key, Portkey checks none), which are on in Triad's rows
but for direct and proxy. Portkey 1.15.2 runs with \`@hono/node-server\` 1.13.8, since its streams answer 500 with newer ones; LiteLLM is 1.106.12, the newest whose pinned packages can be had.
Load generator, upstream, Postgres and the process under test share the machine's cores.`;

/** Microseconds of processor time per request, run by run. */
type Costs = Map<string, number[]>;

/**
 * The gateway with authentication, limits, a registered prompt and its log, beside what else may stand before the same
 * upstream: throughput of 16 connections that wait for their answers, latency at fixed rates, the highest rate held.
 */
export async function benchGateway(service: Service, folder: string): Promise<Findings> {
  const contenders = await startContenders(service, folder);
  const costs: Costs = new Map();
  try {
    const pairs = await throughputs(service, contenders, costs);
    const all = [contenders.direct, contenders.proxy, contenders.triad, ...contenders.rivals];
    return { pairs, tables: [await rates(all, costs)], notes: [...contenders.missing, RIVALS] };
  } finally {
    await contenders.stop();
  }
}

async function throughputs(service: Service, { direct, proxy, triad, rivals }: Contenders, costs: Costs): Promise<PairedResult[]> {
  const run = async (contender: Contender, name = contender.name) => {
    const before = contender.pid && cpuMicros(contender.pid);
    const perSecond = await throughput(contender.call, THROUGHPUT_SECONDS);
    const after = contender.pid && cpuMicros(contender.pid);
    if (before !== null && after !== null && perSecond > 0) costs.set(name, [...costs.get(name) ?? [], (after - before) / (perSecond * THROUGHPUT_SECONDS)]);
    return perSecond;
  };
  const against = (baseline: Contender, pairs: number, subject = 'auth, limits, a prompt, its log of metadata', name = triad.name) => measurePairs(
    { name: 'Gateway, 16 connections', subject, baseline: baseline.name, unit: 'requests/s' }, () => run(triad, name), () => run(baseline), pairs);
  const results = [await against(direct, 3), await against(proxy, 5)];
  for (const rival of rivals) results.push(await against(rival, 3));
  await logCalls(service, 'full');
  results.push(await against(proxy, 5, 'the same, whole calls in its log', `${triad.name}, whole calls logged`));
  await logCalls(service, 'metadata');
  return results;
}

/** The highest rate held, and added latency at each rate below it. */
async function rates(all: Contender[], costs: Costs): Promise<Table> {
  const held = new Map<Contender, number>();
  for (const each of all) {
    held.set(each, await highestHeld(each.call, LOWEST_RATE));
    console.log(`  ${each.name} holds ${held.get(each)}/s`);
  }
  const latencies: Map<Contender, string>[] = [];
  for (const rate of RATES) latencies.push(await latenciesAt(rate, all.filter((each) => each === all[0] || held.get(each)! >= rate)));
  const rows = all.map((each) => {
    const [rate, cost] = [held.get(each)!, costs.get(each.name)];
    return [each.name, ...latencies.map((at) => at.get(each) ?? 'not held'), rate > 0 ? `${rate}/s` : `less than ${LOWEST_RATE}/s`, cost ? `${median(cost).toFixed(0)} µs` : '–'];
  });
  return {
    columns: ['gateway', ...RATES.map((rate) => `p50 / p99 at ${rate}/s`), 'highest rate held', 'CPU per request'], rows,
    note: `Latency from the time a request was due at a constant rate, whether or not earlier ones were answered; of a gateway what it adds to \`direct\` in the same round (median of ${ROUNDS} rounds of ${ROUND_SECONDS} s). Held: ${HELD}, in one of two tries, to within a tenth. CPU: of the gateway's process with all its threads, at 16 connections.`,
  };
}

/** p50 and p99, of all but the first what they add to it. None of one that failed a request. */
async function latenciesAt(rate: number, all: Contender[]): Promise<Map<Contender, string>> {
  const rounds: Map<Contender, AtRate>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const results = new Map<Contender, AtRate>();
    for (const each of round % 2 === 0 ? all : all.toReversed()) {
      const result = await sendAtRate(each.call, rate, ROUND_SECONDS);
      console.log(`  ${each.name} at ${rate}/s: p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms, ${result.failed} of ${result.sent} failed`);
      results.set(each, result);
    }
    rounds.push(results);
  }
  const [direct] = all;
  const shown = (each: Contender, which: 'p50' | 'p99') => {
    const value = median(rounds.map((results) => results.get(each)![which] - (each === direct ? 0 : results.get(direct!)![which])));
    return `${each !== direct && value >= 0 ? '+' : ''}${value.toFixed(2)}`;
  };
  const whole = all.filter((each) => rounds.every((results) => results.get(each)!.failed === 0));
  return new Map(whole.map((each) => [each, `${shown(each, 'p50')} / ${shown(each, 'p99')} ms`]));
}
