import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../helpers/gateway.js';
import { type OpenAiFake, startOpenAiFake } from '../helpers/openai-fake.js';

/** The package of trainer/requirements-rest.lock. */
const PYTHON = process.env['TRIAD_PYTHON'] || 'trainer/.venv/bin/python';
/** Seconds; `TRIAD_FUZZ_SECONDS=600` looks longer. */
const BOUND = Number(process.env['TRIAD_FUZZ_SECONDS'] || 30);

/**
 * Answers may say: no 5xx; no status, content type, header or body that openapi.json does not describe; wrong input is
 * refused; other methods are 405; a wrong key is 401. `positive_data_acceptance` is left out: ids are guessed.
 */
const CHECKS = [
  'not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance', 'response_schema_conformance',
  'negative_data_rejection', 'unsupported_method', 'allow_header_conformance', 'ignored_auth', 'use_after_free', 'missing_required_header',
];

interface Report {
  code: number | null;
  output: string;
}

function schemathesis({ url, key }: Gateway, file: string, directory: string): Promise<Report> {
  const child = spawn(PYTHON, [
    '-m', 'schemathesis.cli', '--config-file', 'test/rest/schemathesis.toml', 'run', 'openapi.json', '--url', url, '--header', `Authorization: Bearer ${key}`, '--checks', CHECKS.join(','),
    '--phases', 'examples,coverage,fuzzing,stateful', '--max-examples', '60', '--max-time', String(BOUND), '--seed', '4', '--request-timeout', '20', '--continue-on-failure',
    '--workers', '1', '--report', 'junit', '--report-junit-path', join(directory, 'junit.xml'), '--generation-database', 'none', '--no-color',
  ], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TRIAD_FUZZ_FILE: file } });
  let output = '';
  const keep = (chunk: Buffer) => { output += chunk.toString(); };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, output }));
  });
}

describe('the REST API, fuzzed from openapi.json', () => {
  let gateway: Gateway;
  let fake: OpenAiFake;
  let directory: string;
  let file: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'triad-fuzz-'));
    fake = await startOpenAiFake({ answer: () => 'hello' });
    gateway = await startGateway();
    await gateway.graphql('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { id } }', { input: { name: 'fake', baseUrl: fake.url } });
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', new Blob(['{"a": 1}\n']), 'rows.jsonl');
    file = (await (await gateway.fetch('/v1/files', { method: 'POST', body: form })).json() as { id: string }).id;
    // The model that the document's example asks.
    await gateway.graphql('mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { id } }', { input: { name: 'house-assistant', target: 'fake/gpt-x' } });
  });
  afterAll(async () => {
    await gateway.stop();
    await fake.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('keeps to its description, and has no 5xx', async () => {
    const { code, output } = await schemathesis(gateway, file, directory);
    expect(code, output.slice(-20_000)).toBe(0);
    // It did look: every operation of the document was called.
    const operations = Object.entries((JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, object> }).paths)
      .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    const junit = readFileSync(join(directory, 'junit.xml'), 'utf8');
    for (const operation of operations) expect(junit).toContain(`name="${operation}"`);
    // The example reached the model, and came back as described.
    expect(fake.seen.length).toBeGreaterThan(0);
  });
});
