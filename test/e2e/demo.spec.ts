import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const models = resolve(process.env['TRIAD_HOME'] || '.triad', 'models');

describe('npm run demo -- --quick', () => {
  let home: string;
  const running = () => JSON.parse(readFileSync(join(home, 'running.json'), 'utf8')) as { pid: number; url: string };
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'triad-demo-'));
    chmodSync(home, 0o755); // an embedded Postgres of root's runs as another user, who must get in
    mkdirSync(join(home, 'logs'));
    symlinkSync(models, join(home, 'models'));
  });
  afterAll(async () => {
    const { pid } = running();
    process.kill(pid, 'SIGTERM');
    for (;;) {
      try {
        process.kill(pid, 0);
      } catch {
        break;
      }
      await wait(100);
    }
    rmSync(home, { recursive: true, force: true });
  });

  it('takes the real base model through prompt, tune and reward; tuning is shown to beat the plain base', async () => {
    const python = resolve(process.env['TRIAD_PYTHON'] ?? 'trainer/.venv/bin/python');
    const demo = spawnSync(process.execPath, ['--enable-source-maps', 'dist/demo/demo.js', '--quick'], {
      encoding: 'utf8', env: { ...process.env, DATABASE_URL: '', REDIS_URL: '', TRIAD_HOME: home, TRIAD_PORT: '0', TRIAD_PYTHON: python },
    });
    console.log(demo.stdout + demo.stderr);
    expect(demo.status).toBe(0);
    expect(demo.stdout).toContain('Webhook received, signature verified: model.alias.moved');

    const { apiKey } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as { apiKey: string };
    const graphql = async (query: string) => {
      const response = await fetch(`${running().url}/graphql`, { method: 'POST', headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
      return ((await response.json()) as { data: any }).data;
    };
    const runs = (await graphql('{ evaluationRuns(first: 100, suite: "smart-home/sealed-1") { nodes { id gold { value } modelVersion { kind name version } promptVersion { version } rewardVersion { id } } } }')).evaluationRuns.nodes as any[];
    const base = runs.find((run) => run.modelVersion.kind === 'base' && run.promptVersion.version === 1);
    const tuned = runs.find((run) => run.modelVersion.name === 'smart-home' && run.modelVersion.version === 1 && !run.rewardVersion);
    const [comparison] = (await graphql(`{ compareEvaluations(baselineRunId: "${base.id}", runIds: ["${tuned.id}"]) { verdict difference { low } } }`)).compareEvaluations;
    expect(comparison).toMatchObject({ verdict: 'gain' });
    const lineage = (await graphql(`{ modelVersion(ref: "models:/smart-home@champion") { id } }`)).modelVersion;
    expect(lineage.id).toMatch(/^mdlv_/);
  });
});
