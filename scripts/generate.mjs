// `npm run generate`: every generated file, in the order they depend on each other. With --check it fails, naming each
// file that was stale (and is now up to date).
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runnerImport } from 'vite';
import { venvPython } from './setup.mjs';

const FILES = ['.env.example', 'src/contracts/contracts.generated.ts', 'trainer/triad_trainer/contract.py', 'docs/guides/webhooks.md', 'schema.graphql', 'openapi.json', 'demo/generated/graphql.ts'];
const EVENTS = 'contracts/events';

/** What is in each generated file now. */
function contents() {
  const events = existsSync(EVENTS) ? readdirSync(EVENTS).map((file) => `${EVENTS}/${file}`) : [];
  return new Map([...FILES, ...events].filter((file) => existsSync(file)).map((file) => [file, readFileSync(file, 'utf8')]));
}
const typescript = (script) => runnerImport(`./scripts/${script}.ts`, { logLevel: 'error' });

const before = contents();
await typescript('generate-env');
await typescript('generate-contracts');
const python = spawnSync(venvPython, ['trainer/generate_contract.py'], { stdio: 'inherit' });
if (python.status !== 0) throw new Error(`trainer/generate_contract.py failed${python.error ? `: ${python.error.message}. Mend: npm run setup` : ''}`);
await typescript('generate-events');
await typescript('generate-api');
await typescript('generate-client');
const after = contents();

const stale = [...new Set([...before.keys(), ...after.keys()])].filter((file) => before.get(file) !== after.get(file));
if (stale.length === 0) console.log('All generated files are up to date.');
else if (!process.argv.includes('--check')) console.log(`Wrote ${stale.join(', ')}`);
else {
  console.error(`These generated files were stale; commit them as they are now:\n${stale.map((file) => `  ${file}`).join('\n')}`);
  process.exitCode = 1;
}
process.exit();
