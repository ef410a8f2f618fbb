// AGENTS.md stays short, and what it and the other documents cite is there: paths, links, npm scripts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MAX_LINES = 100;
const DOCUMENTS = ['AGENTS.md', 'README.md', 'docs/architecture.md', ...readdirSync('docs/adr').map((name) => join('docs/adr', name))];
/** Made by commands, so not in a fresh clone. */
const MADE_LATER = /^(\.triad|dist|trainer\/\.venv|docs\/benchmarks\.md)/;
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Every match of the pattern's first group. */
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

/** A path names something below the repository; one with a placeholder (x, *, …) names its folder. */
function pathsIn(text) {
  return all(text, /`([A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.*-]*)+)`/g)
    .map((path) => (/\*|(^|\/)x[._]/.test(path) ? dirname(path) : path))
    .filter((path) => existsSync(path.split('/')[0]) || /^(src|test|docs|scripts|demo|trainer|docker|helm|contracts)\//.test(path));
}

function faultsOf(document) {
  const text = readFileSync(document, 'utf8');
  const missing = pathsIn(text).filter((path) => !existsSync(path) && !MADE_LATER.test(path));
  const broken = all(text, /\]\((?!https?:|#)([^)#]+)/g).filter((link) => !existsSync(join(dirname(document), link)));
  const unknown = all(text, /`?npm run ([\w:]+)/g).filter((name) => !Object.hasOwn(scripts, name));
  return [
    ...missing.map((path) => `${document} cites ${path}, which does not exist`),
    ...broken.map((link) => `${document} links to ${link}, which does not exist`),
    ...unknown.map((name) => `${document} tells to run "npm run ${name}", which package.json does not have`),
  ];
}

const lines = readFileSync('AGENTS.md', 'utf8').trimEnd().split('\n').length;
const faults = [...(lines > MAX_LINES ? [`AGENTS.md has ${lines} lines; at most ${MAX_LINES} are read`] : []), ...DOCUMENTS.flatMap(faultsOf)];
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`AGENTS.md has ${lines} lines; everything that ${DOCUMENTS.length} documents cite is there.`);
