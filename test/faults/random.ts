/**
 * `npm run test:faults -- --random [--minutes 10] [--seed N]`: Triad under work, with the faults of rows 1 to 8 of the
 * matrix at random moments; then, when all is quiet, what must hold of every run and event. Ends with 1 when it does not.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { prepareEvaluation, startEvaluation, startInstallation } from '../helpers/installation.js';
import { startOpenAiFake } from '../helpers/openai-fake.js';
import { untilGone } from '../helpers/worker-process.js';
import { createTrainingJob, prepareTrainingInputs } from './random-training.js';
import { findViolations, recordHistory, untilQuiet } from './random-checks.js';
import { KeptAlive } from './kept-alive.js';
import { startReceiver } from './receiver.js';

const { values: options } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) } } });
const seed = Number(options.seed);
const ITEMS = 20;
const EVERY_MS = { evaluation: 1_500, training: 40_000 };

const random = xoroshiro128plus(seed);
const between = (from: number, to: number) => uniformInt(random, from, to);
const started = Date.now();
const log = (text: string) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);

log(`Seed ${seed}, ${options.minutes} minutes of faults`);
const fake = await startOpenAiFake({ served: [{ id: 'm' }], answer: () => 'yes', before: () => wait(20 + Math.random() * 200) });
const runtime = fake.url.replace('/v1', '');
const triad = await startInstallation({ TRIAD_RUNTIME_URL: runtime, TRIAD_SCORER_URL: runtime });
const receiver = await startReceiver();
const api = new KeptAlive('API', () => triad.startApi());
const workers = [new KeptAlive('worker 1', () => triad.startWorker()), new KeptAlive('worker 2', () => triad.startWorker())];
const trainers = new Set<number>();
const commands = new Map<string, string>();
const under = new Set<Promise<void>>();
const counts: Record<string, number> = {};

const trainersNow = () => {
  const pids = workers.flatMap((worker) => worker.trainers());
  pids.forEach((pid) => trainers.add(pid));
  return pids;
};

/** As a client should: again, with the same key, until there is an answer. */
async function command(key: string, send: (headers: Record<string, string>) => Promise<string>): Promise<void> {
  for (;;) {
    const id = await send({ 'idempotency-key': key }).catch((error: unknown) => {
      const { message, name } = error as Error;
      if (name !== 'TypeError' && !/^(unavailable|conflict|rate_limited)/.test(message) && !(error instanceof SyntaxError)) log(`command ${key}: ${message}`);
      return null;
    });
    if (id !== null) return void commands.set(key, id);
    await wait(300);
  }
}
const begin = (work: Promise<void>) => {
  under.add(work);
  void work.finally(() => under.delete(work));
};

/** Each gets a worker's number and a share of its longest time; drawn for all alike, so that a seed's faults are the same. */
const FAULTS: Record<string, (which: number, share: number) => unknown> = {
  'kill worker': (which) => workers[which]!.kill(),
  'kill API': () => api.kill(),
  'kill trainer': () => trainersNow().slice(0, 1).forEach((pid) => process.kill(pid, 'SIGKILL')),
  'wipe Redis': () => triad.services.wipeRedis(),
  'freeze Redis': (_, share) => exclusively('redis', async () => {
    triad.services.freezeRedis();
    await wait(1_000 + share * 14_000);
    triad.services.thawRedis();
  }),
  'restart Postgres': (_, share) => exclusively('postgres', async () => {
    await triad.services.stopPostgres();
    await wait(share * 6_000);
    await triad.services.startPostgres();
  }),
  'stop a worker': (which, share) => exclusively(`worker ${which}`, () => workers[which]!.stopFor(1_000 + share * 44_000)),
  'duplicate messages': () => triad.sql(`INSERT INTO outbox (project_id, job, aggregate, payload)
    SELECT project_id, 'evaluation.run', id, jsonb_build_object('projectId', project_id, 'runId', id) FROM evaluation_runs WHERE status IN ('queued', 'running')
    UNION ALL SELECT project_id, 'fine-tune.run', id, jsonb_build_object('projectId', project_id, 'jobId', id) FROM fine_tune_jobs WHERE status IN ('queued', 'running')
    UNION ALL SELECT project_id, 'webhook.deliver', id, jsonb_build_object('projectId', project_id, 'deliveryId', id) FROM webhook_deliveries WHERE status = 'pending'`),
};
const busy = new Set<string>();

async function exclusively(what: string, work: () => Promise<void>): Promise<void> {
  if (busy.has(what)) return;
  busy.add(what);
  await work().finally(() => busy.delete(what));
}

async function every(milliseconds: number, until: number, work: (count: number) => void): Promise<void> {
  for (let count = 0; Date.now() < until; count += 1) {
    work(count);
    await wait(milliseconds);
  }
}

async function inject(name: string, which: number, share: number): Promise<void> {
  try {
    await FAULTS[name]!(which, share);
  } catch (error) {
    log(`${name}: ${String(error)}`); // what it needs is away by an earlier fault
  }
}

async function injectFaults(until: number): Promise<void> {
  const names = Object.keys(FAULTS);
  while (Date.now() < until) {
    await wait(between(500, 7_000));
    const name = names[between(0, names.length - 1)]!;
    counts[name] = (counts[name] ?? 0) + 1;
    log(name);
    begin(inject(name, between(0, 1), between(0, 1_000) / 1_000));
  }
}

let violations: string[];
try {
  await Promise.all([api.up, ...workers.map((worker) => worker.up)]);
  await prepareEvaluation(triad, ITEMS);
  await prepareTrainingInputs(triad);
  await triad.graphql('mutation ($url: String!) { createWebhookEndpoint(url: $url) { secret } }', { url: receiver.url });
  await recordHistory(triad);
  const until = Date.now() + Number(options.minutes) * 60_000;
  await Promise.all([
    every(EVERY_MS.evaluation, until, (n) => begin(command(`evaluation-${n}`, (headers) => startEvaluation(triad, headers)))),
    every(EVERY_MS.training, until, (n) => begin(command(`training-${n}`, (headers) => createTrainingJob(triad, headers)))),
    every(1_000, until, trainersNow),
    injectFaults(until),
  ]);
  log(`No more faults: ${JSON.stringify(counts)}; ${commands.size} commands accepted, ${under.size} under way`);
  await Promise.all(under);
  const unquiet = await untilQuiet(triad);
  violations = [...unquiet, ...await findViolations(triad, commands, receiver, ITEMS), ...[api, ...workers].flatMap((each) => each.unexpected)];
  await Promise.all(workers.map((worker) => worker.end()));
  await untilGone([...trainers]).catch((error: unknown) => violations.push(String(error)));
} finally {
  await Promise.all([api, ...workers].map((each) => each.end()));
  await triad.stop();
  await receiver.stop();
  await fake.stop();
}
for (const violation of violations) log(`VIOLATED: ${violation}`);
log(violations.length === 0 ? `All holds (seed ${seed}).` : `${violations.length} violations (seed ${seed}).`);
process.exit(violations.length === 0 ? 0 : 1);
