/** What all legs stand on: the data, the base model, the sealed suite, a webhook endpoint. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Client } from './client.js';
import {
  type ChatMessageInput, CreateDatasetVersionDocument, type CreateDatasetVersionInput, CreateEvaluationSuiteDocument,
  CreateWebhookEndpointDocument, LicencesDocument, RegisterBaseModelDocument,
} from './generated/graphql.js';
import { heading, say } from './print.js';
import { refOf } from './progress.js';
import type { startReceiver } from './receiver.js';
import type { Recipe } from './recipe.js';

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
export type Row = Record<string, unknown> & { input: { sentence: string } };

export interface Setting {
  recipe: Recipe;
  directory: string;
  base: string;
  suite: string;
  prompts: { version: string; description: string; messages: ChatMessageInput[] }[];
  /** The gold grader: the call must be the one that does what was asked. */
  grader: object;
}

export const GOLD = { type: 'function_call', input: '{{sample.output_text}}', reference: '{{item.expected}}' };

/** Rows `from` … `to` of a file made by smart_home.py. */
export function readRows(setting: Pick<Setting, 'directory'>, file: string, from = 0, to = Infinity): Row[] {
  const lines = readFileSync(join(setting.directory, file), 'utf8').trim().split('\n').slice(from, to);
  return lines.map((line) => JSON.parse(line) as Row);
}

/** Uploads rows as JSONL and makes a data set version of them. */
export async function uploadDataset(client: Client, setting: Pick<Setting, 'directory'>, rows: object[], input: Omit<CreateDatasetVersionInput, 'fileId' | 'licence'>) {
  const path = join(setting.directory, `${input.name.replaceAll('/', '-')}.upload.jsonl`);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const { createDatasetVersion: version } = await client.request(CreateDatasetVersionDocument, {
    input: { ...input, fileId: await client.upload(path), licence: 'apache-2.0' },
  });
  say(`Data set ${version.name}/${version.version}: ${version.rows} rows${version.holdoutRows ? `, ${version.holdoutRows} of them held out` : ''}${version.sealed ? ', sealed' : ''} (sha256 ${version.sha256.slice(0, 12)}…)`);
  return { ...version, ref: `datasets:/${version.name}/${version.version}` };
}

/** Runs smart_home.py; answers the directory of its files. */
export function makeData(): string {
  const directory = resolve(process.env['TRIAD_HOME'] || '.triad', 'demo');
  mkdirSync(directory, { recursive: true });
  const made = spawnSync(process.env['TRIAD_PYTHON'] || 'trainer/.venv/bin/python', ['demo/data/smart_home.py', '--out', directory], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`demo/data/smart_home.py failed: ${made.stderr || String(made.error)}`);
  return directory;
}

/** The model that set-up left on the server, with the licence it came with. */
export async function registerBase(client: Client) {
  const input = { name: 'smollm2-135m-instruct', source: 'smollm2-135m-instruct', licence: 'apache-2.0' };
  return (await client.request(RegisterBaseModelDocument, { input })).registerBaseModel;
}

export async function prepare(client: Client, recipe: Recipe, receiver: Receiver): Promise<Setting> {
  heading('1. The task, the base model and the sealed evaluation');
  say('Task: what people say to a smart home → the one call that does it ("close down the studio blind" → close(studio, blind)).');
  const directory = makeData();
  const base = await registerBase(client);
  const { licences: [licence] } = await client.request(LicencesDocument, { ids: [base.licence] });
  say(`Base model ${refOf(base)}: ${(base.artefact.bytes / 1e6).toFixed(0)} MB, sha256 ${base.artefact.sha256.slice(0, 12)}…, licence ${base.licence} (commercial use: ${licence?.commercialUse})`);
  const test = await uploadDataset(client, { directory }, readRows({ directory }, 'test.jsonl', 0, recipe.rows.test), { name: 'smart-home/test', format: 'prompt', sealed: true });
  const { createEvaluationSuite: suite } = await client.request(CreateEvaluationSuiteDocument, {
    input: { name: `smart-home/sealed-${test.version}`, dataset: test.ref, grader: GOLD, sealed: true },
  });
  say('Sealed: sentence templates, rooms and items that no training row has; answers are scored by the service and not shown.');
  const { createWebhookEndpoint: webhook } = await client.request(CreateWebhookEndpointDocument, { url: receiver.url, eventTypes: [] });
  receiver.trust(webhook.secret);
  const prompts = JSON.parse(readFileSync(join(directory, 'prompts.json'), 'utf8')) as Setting['prompts'];
  return { recipe, directory, base: refOf(base), suite: suite.name, prompts, grader: GOLD };
}
