/**
 * `npm run bench [-- sft graphql gateway stream prompt-fetch webhooks outbox]`: compares Triad with the bare thing in one run, pair by pair, and keeps the table
 * in docs/benchmarks.md. Numbers hold for the machine and the minute; the ratios are what to look at.
 */
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Service } from '../../demo/service.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { startEmbeddedRedis } from '../../src/queue/embedded-redis.js';
import { benchGateway } from './gateway.js';
import { benchGraphqlRead } from './graphql-read.js';
import { benchOutbox } from './outbox.js';
import { benchPromptFetch } from './prompt-fetch.js';
import { type Findings, report } from './report.js';
import { benchSft } from './sft.js';
import { benchStream } from './stream.js';
import { benchWebhooks } from './webhooks.js';

const wanted = process.argv.slice(2);
const kept = resolve(process.env['TRIAD_HOME'] || '.triad');
const models = join(kept, 'models');
const rivals = join(kept, 'bench');
const home = mkdtempSync(join(tmpdir(), 'triad-bench-'));
chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
symlinkSync(models, join(home, 'models'));
const postgres = await startEmbeddedPostgres(home);
const redis = await startEmbeddedRedis(home, process.env['TRIAD_PYTHON'] || 'trainer/.venv/bin/python');
Object.assign(process.env, { TRIAD_HOME: home, TRIAD_PORT: '0', DATABASE_URL: postgres.url, REDIS_URL: redis.url });
const { findOrStartService } = await import('../../demo/service.js');
let service: Service | null = null;
try {
  const triad = service = await findOrStartService();
  const benches: Record<string, () => Promise<Findings>> = {
    graphql: async () => ({ pairs: await benchGraphqlRead(triad, { postgres: postgres.url, redis: redis.url }) }),
    gateway: () => benchGateway(triad, rivals),
    stream: () => benchStream(triad, rivals),
    'prompt-fetch': () => benchPromptFetch(triad),
    webhooks: async () => ({ pairs: await benchWebhooks(triad) }),
    sft: async () => ({ pairs: [await benchSft(triad, join(models, 'smollm2-135m-instruct'))] }),
    outbox: async () => ({ latencies: [await benchOutbox(triad, postgres.url, redis.url)] }),
  };
  const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
  if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`);
  const findings: Findings[] = [];
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) findings.push(await bench());
  }
  const page = report(findings);
  console.log(`\n${page}`);
  if (wanted.length === 0) writeFileSync('docs/benchmarks.md', page);
} finally {
  await service?.stopped();
  await redis.stop();
  await postgres.stop();
  rmSync(home, { recursive: true, force: true });
}
