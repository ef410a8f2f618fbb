/**
 * `npm run bench [sft] [graphql] [chat] [webhooks] [outbox]`: compares Triad with the bare thing in one run, pair by pair, and keeps the table
 * in docs/benchmarks.md. Numbers hold for the machine and the minute; the ratios are what to look at.
 */
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { startEmbeddedRedis } from '../../src/queue/embedded-redis.js';
import { benchChatEdge } from './chat-edge.js';
import { benchGraphqlRead } from './graphql-read.js';
import { benchOutbox, type Latency } from './outbox.js';
import type { PairedResult } from './pairs.js';
import { benchSft } from './sft.js';
import { benchWebhooks } from './webhooks.js';

const wanted = process.argv.slice(2);
const models = resolve(process.env['TRIAD_HOME'] || '.triad', 'models');
const home = mkdtempSync(join(tmpdir(), 'triad-bench-'));
chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
symlinkSync(models, join(home, 'models'));
const postgres = await startEmbeddedPostgres(home);
const redis = await startEmbeddedRedis(home, process.env['TRIAD_PYTHON'] || 'trainer/.venv/bin/python');
Object.assign(process.env, { TRIAD_HOME: home, TRIAD_PORT: '0', DATABASE_URL: postgres.url, REDIS_URL: redis.url });
const { findOrStartService } = await import('../../demo/service.js');
const service = await findOrStartService();
try {
  const benches: Record<string, () => Promise<PairedResult[]>> = {
    graphql: () => benchGraphqlRead(service, { postgres: postgres.url, redis: redis.url }),
    chat: async () => [await benchChatEdge(service)],
    webhooks: () => benchWebhooks(service),
    sft: async () => [await benchSft(service, join(models, 'smollm2-135m-instruct'))],
  };
  const results: PairedResult[] = [];
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) results.push(...await bench());
  }
  const latencies = wanted.length === 0 || wanted.includes('outbox') ? [await benchOutbox(service, postgres.url, redis.url)] : [];
  const page = report(results, latencies);
  console.log(`\n${page}`);
  if (wanted.length === 0) writeFileSync('docs/benchmarks.md', page);
} finally {
  await service.stopped();
  await redis.stop();
  await postgres.stop();
  rmSync(home, { recursive: true, force: true });
}

function report(results: PairedResult[], latencies: Latency[]): string {
  const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  const rows = results.map((each) => `| ${each.name} | ${each.subject}: ${number(each.subjectMedian)} ${each.unit} | ${each.baseline}: ${number(each.baselineMedian)} ${each.unit} | ${each.ratio.median.toFixed(2)} (${each.ratio.min.toFixed(2)}–${each.ratio.max.toFixed(2)}) | ${each.pairs} |`);
  const times = latencies.map((each) => `| ${each.name} | ${each.p50.toFixed(1)} ms | ${each.p99.toFixed(1)} ms | ${each.max.toFixed(1)} ms | ${each.count} |`);
  return `# Benchmarks

Measured by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, no GPU; the load
generator ran on the same machine. Each pair measures both sides one after the other, in swapped order from pair to pair,
after a warm-up of both. Medians; the ratio is Triad over the baseline, pair by pair, with its least and greatest.

| what | Triad | baseline | ratio | pairs |
|---|---|---|---|---|
${rows.join('\n')}

| latency | p50 | p99 | greatest | of |
|---|---|---|---|---|
${times.join('\n')}
`;
}
