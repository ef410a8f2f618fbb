// `npm run generate`: every generated file, in the order they depend on each other. With --check it fails, naming each
// file that was stale (and is now up to date).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { runnerImport } from 'vite';
import { venvPython } from './setup.mjs';

const FILES = ['.env.example', 'src/contracts/contracts.generated.ts', 'trainer/triad_trainer/contract.py', 'schema.graphql', 'openapi.json', 'demo/generated/graphql.ts'];

const contents = () => FILES.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : null));
const typescript = (script) => runnerImport(`./scripts/${script}.ts`, { logLevel: 'error' });

const before = contents();
await typescript('generate-env');
await typescript('generate-contracts');
const python = spawnSync(venvPython, ['trainer/generate_contract.py'], { stdio: 'inherit' });
if (python.status !== 0) throw new Error(`trainer/generate_contract.py failed${python.error ? `: ${python.error.message}. Mend: npm run setup` : ''}`);
await typescript('generate-api');
await typescript('generate-client');
const after = contents();

const stale = FILES.filter((_, index) => before[index] !== after[index]);
if (stale.length === 0) console.log('All generated files are up to date.');
else if (!process.argv.includes('--check')) console.log(`Wrote ${stale.join(', ')}`);
else {
  console.error(`These generated files were stale; commit them as they are now:\n${stale.map((file) => `  ${file}`).join('\n')}`);
  process.exitCode = 1;
}
process.exit();
