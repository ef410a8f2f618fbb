import { DomainError } from '../common/errors.js';
import { type CheckVariables, compileInputSchema } from './input-schema.js';
import type { ChatRole, ChatTemplate, PromptVersionEntity } from './prompt.entity.js';
import { compile } from './templates/compile.js';
import type { Frame, Owner } from './templates/expressions.js';
import { parse } from './templates/parse.js';
import type { Include } from './templates/syntax.js';
import { Work } from './templates/work.js';

/** Prompts include others so deep at most. */
export const MAX_INCLUDE_DEPTH = 20;

/** A version with its templates parsed and what it includes found. Immutable. */
export interface ReadyPrompt {
  version: PromptVersionEntity;
  /** All that it includes, those that these include too. */
  included: PromptVersionEntity[];
  /** Which version each label stood for: pass them to `PromptService.pinned` to have the same again. */
  pins: Record<string, string>;
  /**
   * The messages with the variables filled in; a prompt of type text or image has one. Values are inserted as they are,
   * never read as templates; names that no template reads are ignored.
   * @throws DomainError undefined_variable naming what is missing or of the wrong kind; too_large for what no model would read.
   */
  render: (variables: Record<string, unknown>) => ChatTemplate[];
}

/** The templates of one version as functions. What they include is looked up when they run. */
export interface CompiledVersion {
  version: PromptVersionEntity;
  owner: Owner;
  messages: { role: ChatRole; run: (frame: Frame) => void }[];
  check: CheckVariables;
}

/** The state of one rendering. */
class Rendering extends Work {
  depth = 0;
  /** Included prompts whose variables, all of them the caller's, have been checked. */
  readonly checked = new Set<CompiledVersion>();
  private size: number | null = null;

  constructor(
    title: string,
    readonly included: ReadonlyMap<string, CompiledVersion>,
    private readonly variables: Record<string, unknown>,
  ) {
    super(title);
  }

  /** Checks the variables of an included prompt, which takes time in proportion to what they hold. */
  check(compiled: CompiledVersion, variables: Record<string, unknown>): void {
    if (variables === this.variables) {
      if (this.checked.has(compiled)) return;
      this.checked.add(compiled);
    }
    this.step(this.size ??= countValues(this.variables));
    compiled.check(variables);
  }
}

const titleOf = ({ name }: PromptVersionEntity): string => `Prompt ${JSON.stringify(name)}`;

export function compileVersion(version: PromptVersionEntity): CompiledVersion {
  const owner = { title: titleOf(version) };
  const used = { characters: 0, tags: 0, tagCharacters: 0 };
  return {
    version, owner,
    messages: version.messages.map(({ role, content }, index) => ({ role, run: compile(parse(content, index + 1, used), owner, runInclude) })),
    check: compileInputSchema(version.inputSchema, owner.title),
  };
}

/** An included prompt sees the variables of the prompt that is rendered, those passed to it before them, and no loop's. */
function runInclude({ reference }: Include, variables: Record<string, unknown>, { work }: Frame): void {
  const rendering = work as Rendering;
  const compiled = rendering.included.get(reference)!;
  rendering.depth += 1;
  if (rendering.depth > MAX_INCLUDE_DEPTH) throw new DomainError('too_large', `${compiled.owner.title} is included more than ${MAX_INCLUDE_DEPTH} deep.`, 'prompt');
  rendering.check(compiled, variables);
  compiled.messages[0]!.run({ variables, slots: [], work });
  rendering.depth -= 1;
}

/**
 * @param included what each reference in the templates, at any depth, stands for
 */
export function readyPrompt(compiled: CompiledVersion, included: ReadonlyMap<string, CompiledVersion>): ReadyPrompt {
  const { version, owner, messages, check } = compiled;
  const versions = new Map(Array.from(included.values(), (each) => [each.version.id, each.version]));
  return {
    version,
    included: [...versions.values()],
    pins: Object.fromEntries(Array.from(included, ([reference, each]) => [reference, each.version.id])),
    render(variables) {
      const work = new Rendering(owner.title, included, variables);
      try {
        check(variables);
        return messages.map(({ role, run }) => {
          run({ variables, slots: [], work });
          return { role, content: work.take() };
        });
      } catch (error) {
        if (error instanceof RangeError) throw new DomainError('too_large', `${owner.title} cannot be rendered with variables that are nested so deeply. Give flatter ones.`, 'variables');
        throw error;
      }
    },
  };
}

function countValues(value: unknown): number {
  let count = 0;
  const rest = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    count += 1;
    if (typeof next === 'object' && next !== null) for (const each of Object.values(next)) rest.push(each);
  }
  return count;
}
