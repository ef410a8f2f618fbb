// `npm run prompts -- export|import <folder>`: prompts of a project as files, for review in Git. A client of the public API.
import { lstat, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';

const USAGE = `npm run prompts -- export <folder> [--folder support] [--label production]
npm run prompts -- import <folder or file> [--dry-run] [--message "Why"]

TRIAD_URL (default http://127.0.0.1:3000) and TRIAD_API_KEY say where, and as whom.`;
const PAGE = 100;
const FILE = /\.(?:md|ya?ml|jsonl?)$/;

class Failure extends Error {}

const EXPORT = `query ($filter: PromptFilter, $label: String!, $after: String) {
  exportPrompts(filter: $filter, label: $label, orderBy: { field: name, direction: asc }, first: ${PAGE}, after: $after) { nodes { path content } pageInfo { hasNextPage endCursor } }
}`;
const IMPORT = `mutation ($input: ImportPromptsInput!) {
  importPrompts(input: $input) { path name outcome version createdVersions movedLabels }
}`;

async function ask(query, variables) {
  const url = new URL('graphql', `${(process.env.TRIAD_URL ?? 'http://127.0.0.1:3000').replace(/\/+$/, '')}/`);
  const key = process.env.TRIAD_API_KEY;
  if (!key) throw new Failure('Set TRIAD_API_KEY to a key of the project.');
  const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }) })
    .catch((error) => { throw new Failure(`${url.origin} does not answer: ${error.cause?.message ?? error.message}. Set TRIAD_URL.`); });
  const body = await response.json().catch(() => ({}));
  const errors = body.errors ?? (body.error ? [body.error] : []);
  if (errors.length > 0 || !body.data) throw new Failure(errors.map((error) => error.message).join('\n') || `${url} answered ${response.status}. Is it Triad?`);
  return body.data;
}

/** Where a file of the API's goes. The path came over the network: it must lead to below the folder, and through no link. */
async function placeOf(root, path) {
  const target = resolve(root, ...path.split('/'));
  if (!target.startsWith(root + sep) || path.split('/').some((part) => part === '' || part.startsWith('.') || /[\\:\0]/.test(part))) throw new Failure(`${JSON.stringify(path)} leads out of ${root}; nothing was written for it.`);
  for (let at = target; at !== root; at = dirname(at)) {
    const found = await lstat(at).catch(() => null);
    if (found?.isSymbolicLink()) throw new Failure(`${at} is a link; it is not written through. Remove it.`);
  }
  return target;
}

async function exportTo(folder, { folder: prefix, label = 'latest' }) {
  await mkdir(folder, { recursive: true });
  const root = await realpath(folder);
  const [seen, counts] = [new Map(), { written: 0, unchanged: 0 }];
  for (let after = null, more = true; more;) {
    const { exportPrompts } = await ask(EXPORT, { filter: prefix === undefined ? {} : { folder: prefix }, label, after });
    for (const { path, content } of exportPrompts.nodes) {
      const twin = seen.get(path.toLowerCase());
      if (twin) throw new Failure(`${path} and ${twin} are one file where case does not count. Rename a prompt.`);
      seen.set(path.toLowerCase(), path);
      const target = await placeOf(root, path);
      const same = await readFile(target, 'utf8').then((there) => there === content, () => false);
      counts[same ? 'unchanged' : 'written'] += 1;
      if (same) continue;
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
      console.log(`wrote ${path}`);
    }
    ({ hasNextPage: more, endCursor: after } = exportPrompts.pageInfo);
  }
  const stray = (await filesBelow(root)).map((file) => relative(root, file).split(sep).join('/'))
    .filter((path) => path.endsWith('.md') && (prefix === undefined || path.startsWith(`${prefix}/`)) && !seen.has(path.toLowerCase()) && !isNotes(path));
  for (const path of stray) console.log(`left as it is: ${path}, which is no prompt of the export`);
  console.log(`${counts.written} written, ${counts.unchanged} unchanged.`);
}

const isNotes = (path) => /(?:^|\/)(?:README|CHANGELOG|CONTRIBUTING|LICENSE)\.md$/i.test(path);

/** Files of prompts below a folder, sorted; links and what begins with a dot are passed over. */
async function filesBelow(folder) {
  const found = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    if (entry.isDirectory()) found.push(...await filesBelow(join(folder, entry.name)));
    else if (entry.isFile() && FILE.test(entry.name)) found.push(join(folder, entry.name));
  }
  return found;
}

async function importFrom(given, { 'dry-run': dryRun = false, message = null }) {
  const stat = await lstat(given).catch(() => { throw new Failure(`There is no ${given}.`); });
  const root = stat.isDirectory() ? given : dirname(given);
  const paths = stat.isDirectory() ? (await filesBelow(given)).filter((file) => !isNotes(file.split(sep).join('/'))) : [given];
  if (paths.length === 0) throw new Failure(`There is no .md, .yaml, .json or .jsonl file below ${given}.`);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const files = await Promise.all(paths.map(async (file) => {
    const path = relative(root, file).split(sep).join('/');
    try {
      return { path, content: decoder.decode(await readFile(file)) };
    } catch (error) {
      throw new Failure(`${path}: ${error instanceof TypeError ? 'it is not UTF-8' : error.message}.`);
    }
  }));
  const { importPrompts } = await ask(IMPORT, { input: { files, dryRun, commitMessage: message } });
  for (const { path, name, outcome, version, createdVersions, movedLabels } of importPrompts) {
    if (outcome === 'unchanged') continue;
    const what = createdVersions > 1 ? `${createdVersions} versions up to ${version}` : createdVersions === 1 ? `version ${version}` : `version ${version} stays`;
    console.log(`${path}: ${name}, ${what}${movedLabels.length > 0 ? `, labels ${movedLabels.join(', ')}` : ''}`);
  }
  const unchanged = importPrompts.filter(({ outcome }) => outcome === 'unchanged').length;
  console.log(`${importPrompts.length - unchanged} ${dryRun ? 'would change' : 'changed'}, ${unchanged} unchanged.`);
}

/** `--name value` and `--dry-run`; the rest in order. */
function readArguments(given) {
  const [options, rest] = [{}, []];
  for (let index = 0; index < given.length; index++) {
    const name = given[index].startsWith('--') ? given[index].slice(2) : null;
    if (name === null) rest.push(given[index]);
    else if (name === 'dry-run') options[name] = true;
    else if (['folder', 'label', 'message'].includes(name) && given[index + 1] !== undefined) options[name] = given[++index];
    else throw new Failure(USAGE);
  }
  return { options, rest };
}

try {
  const { options, rest: [command, folder, ...more] } = readArguments(process.argv.slice(2));
  if (!['export', 'import'].includes(command) || !folder || more.length > 0) throw new Failure(USAGE);
  await (command === 'export' ? exportTo : importFrom)(resolve(folder), options);
} catch (error) {
  console.error(error instanceof Failure ? error.message : error);
  process.exitCode = 1;
}
