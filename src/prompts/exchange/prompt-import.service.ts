import { Injectable } from '@nestjs/common';
import { setImmediate } from 'node:timers/promises';
import { DomainError } from '../../common/errors.js';
import { PromptLibraryService } from '../prompt-library.service.js';
import type { RequestContext } from '../../common/request-context.js';
import { Database } from '../../database/database.js';
import { contentOf, type PromptContent, sameContent } from '../prompt-content.js';
import type { PromptVersionEntity } from '../prompt.entity.js';
import { PromptRepository, type PromptState } from '../prompt.repository.js';
import { PromptService } from '../prompt.service.js';
import { FileProblem, type ImportedPrompt, type ImportedVersion, type PromptFile } from './imported.js';
import { byIncludes } from './includes.js';
import { readLangfuse } from './langfuse.js';
import { readPromptFile } from './prompt-file.js';
import { newYamlBudget, type YamlBudget } from './yaml-bounds.js';
import { PromptVersionsRepository } from './prompt-versions.repository.js';

const MAX_FILES = 2000;
/** Versions of one prompt that an import of several looks at. */
const MAX_VERSIONS = 2000;
const SHOWN_PROBLEMS = 20;

/** What became, or would become, of a prompt in a file. */
export interface ImportOutcome {
  path: string;
  name: string;
  /** created: it has new versions; changed: only labels, tags or the description; unchanged: it is as the file says. */
  outcome: 'created' | 'changed' | 'unchanged';
  /** The version here that the file's, or its newest, is. */
  version: number;
  createdVersions: number;
  /** Labels that were moved or set. */
  movedLabels: string[];
}

interface ImportOptions {
  dryRun: boolean;
  /** In place of those that the files hold. */
  commitMessage: string | null;
}

/** Prompts from files: all of them, or none. */
@Injectable()
export class PromptImportService {
  constructor(
    private readonly database: Database,
    private readonly prompts: PromptService,
    private readonly library: PromptLibraryService,
    private readonly repository: PromptRepository,
    private readonly versions: PromptVersionsRepository,
  ) {}

  /**
   * Brings each prompt to what its file says: a version is made only where none is there that says the same.
   * @param options.dryRun does all of it and takes it back, so that whatever would be wrong is told
   * @throws DomainError bad_input naming file and line of what is wrong, and as createVersion and setLabels, naming the file.
   */
  async import(ctx: RequestContext, files: readonly PromptFile[], options: ImportOptions): Promise<ImportOutcome[]> {
    if (files.length > MAX_FILES) throw new DomainError('bad_input', `These are ${files.length} files; import at most ${MAX_FILES} at once.`, 'files');
    const prompts = byIncludes(await readAll(files));
    const work = async (tx: RequestContext) => {
      const numbers = new Map<string, number>();
      const outcomes = new Map<ImportedPrompt, ImportOutcome>();
      for (const prompt of prompts) outcomes.set(prompt, await this.bring(tx, prompt, numbers, options.commitMessage));
      return [...outcomes.values()].sort((a, b) => (a.path + a.name < b.path + b.name ? -1 : 1));
    };
    return options.dryRun ? this.database.rehearse(ctx, work) : this.database.transaction(ctx, work);
  }

  /** @param numbers `name/number there` → number here, of all prompts that were brought before */
  private async bring(tx: RequestContext, prompt: ImportedPrompt, numbers: Map<string, number>, commitMessage: string | null): Promise<ImportOutcome> {
    const state = await this.repository.lock(tx, prompt.name);
    const known = state ? await this.candidates(tx, prompt, state) : [];
    const outcome: ImportOutcome = { path: prompt.path, name: prompt.name, outcome: 'unchanged', version: 0, createdVersions: 0, movedLabels: [] };
    const labels = new Map(state?.labels ?? []);
    let from = 0;
    for (const version of prompt.versions) {
      await inFile(prompt, version, async () => {
        const content = contentIn(prompt, version, numbers);
        const at = known.findIndex((each, index) => index >= from && sameContent(contentOf(each), content));
        from = at < 0 ? known.length : at + 1;
        outcome.version = at < 0 ? await this.create(tx, prompt, version, content, commitMessage) : known[at]!.version;
        if (at < 0) outcome.createdVersions += 1;
        numbers.set(`${prompt.name}/${version.number ?? 0}`, outcome.version);
        const moved = version.labels.filter((label) => labels.get(label) !== outcome.version);
        if (at >= 0 && moved.length > 0) await this.prompts.setLabels(tx, prompt.name, outcome.version, moved);
        for (const label of moved) labels.set(label, outcome.version);
        outcome.movedLabels.push(...moved);
      });
    }
    const described = await inFile(prompt, prompt.versions[0]!, () => this.describe(tx, prompt, state));
    return { ...outcome, outcome: outcome.createdVersions > 0 ? 'created' : described || outcome.movedLabels.length > 0 ? 'changed' : 'unchanged' };
  }

  /** Versions that a file's may be, in the order in which they are looked at. A file of one version is of one that carries its labels, or of the newest. */
  private async candidates(tx: RequestContext, prompt: ImportedPrompt, state: PromptState): Promise<PromptVersionEntity[]> {
    const [first, ...others] = prompt.versions;
    if (others.length > 0 || first!.number !== null) return this.versions.newest(tx, state.prompt.id, MAX_VERSIONS);
    const numbers = first!.labels.flatMap((label) => state.labels.get(label) ?? []);
    const versions = await this.versions.numbered(tx, state.prompt.id, [...new Set([state.prompt.latestVersion, ...numbers])]);
    const carried = ({ version }: PromptVersionEntity) => numbers.filter((number) => number === version).length;
    return versions.sort((a, b) => carried(b) - carried(a) || b.version - a.version);
  }

  private async create(tx: RequestContext, prompt: ImportedPrompt, version: ImportedVersion, content: PromptContent, commitMessage: string | null): Promise<number> {
    const made = await this.prompts.createVersion(tx, { ...content, name: prompt.name, labels: version.labels, commitMessage: commitMessage ?? version.commitMessage });
    return made.version;
  }

  /** Sets description and tags of the prompt where the file says others. */
  private async describe(tx: RequestContext, { name, description, promptTags }: ImportedPrompt, state: PromptState | null): Promise<boolean> {
    const tags = promptTags && [...new Set(promptTags)].sort();
    const same = (description === undefined || (state?.prompt.description ?? '') === description) && (tags === undefined || JSON.stringify(state?.prompt.tags ?? []) === JSON.stringify(tags));
    if (same) return false;
    await this.library.update(tx, name, { description, tags });
    return true;
  }
}

/** @param numbers of what was imported before. */
function contentIn({ type }: ImportedPrompt, version: ImportedVersion, numbers: Map<string, number>): PromptContent {
  const { config, tags, inputSchema } = version;
  const messages = version.messages((name, number) => numbers.get(`${name}/${number}`) ?? number);
  return { type, messages, config, tags, inputSchema };
}

/** @throws DomainError what is wrong in the files, one to a line. */
async function readAll(files: readonly PromptFile[]): Promise<ImportedPrompt[]> {
  const problems: FileProblem[] = [];
  const found = new Map<string, ImportedPrompt>();
  const budget = newYamlBudget();
  for (const file of files) {
    await setImmediate(); // others have their turn between two files
    try {
      for (const prompt of read(file, budget)) {
        const other = found.get(prompt.name);
        if (other) throw new FileProblem(file.path, null, `The prompt ${prompt.name} is in ${other.path} as well.`);
        found.set(prompt.name, prompt);
      }
    } catch (error) {
      if (!(error instanceof FileProblem)) throw error;
      problems.push(error);
    }
  }
  if (problems.length === 0) return [...found.values()];
  const more = problems.length > SHOWN_PROBLEMS ? `\nand ${problems.length - SHOWN_PROBLEMS} files more` : '';
  throw new DomainError('bad_input', `Nothing was imported:\n${problems.slice(0, SHOWN_PROBLEMS).join('\n')}${more}`, 'files');
}

function read(file: PromptFile, budget: YamlBudget): ImportedPrompt[] {
  if (/\.(?:md|ya?ml)$/.test(file.path)) return [readPromptFile(file, budget)];
  if (/\.jsonl?$/.test(file.path)) return readLangfuse(file);
  throw new FileProblem(file.path, null, "This is no file of prompts: they end in .md or .yaml, and Langfuse's in .json or .jsonl.");
}

/** What goes wrong with a version is told with where it stands. */
async function inFile<T>(prompt: ImportedPrompt, version: ImportedVersion, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const number = version.number === null ? '' : `version ${version.number} of ${prompt.name}: `;
    throw new DomainError(error.code, `Nothing was imported:\n${new FileProblem(prompt.path, version.lineOf(error.param), number + error.message).toString()}`, 'files');
  }
}
