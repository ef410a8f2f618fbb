import { Liquid, Tag, type TagToken, type Tokenizer, type TopLevelToken, TypeGuards } from 'liquidjs';
import { FILTER_NAMES } from './filters.js';

const OF_LIQUID = ['if', 'unless', 'case', 'for', 'comment', 'raw'];
/** Tags that prompts may use. */
export const TAG_NAMES: readonly string[] = [...OF_LIQUID, 'render'];

/** `{% render "folder/name@label", x: y %}`: the name is a literal, so that what a template includes is known. */
export class RenderTag extends Tag {
  readonly reference: string;
  readonly args: ReturnType<Tokenizer['readHashes']>;

  constructor(token: TagToken, rest: TopLevelToken[], liquid: Liquid) {
    super(token, rest, liquid);
    const { tokenizer } = token;
    const name = tokenizer.readValue();
    if (!TypeGuards.isQuotedToken(name)) throw new Error('render needs the name of a prompt in quotes, such as {% render "tone@production" %}');
    this.reference = name.content;
    this.args = tokenizer.readHashes();
  }

  /** LiquidJS reads templates here; `compile.ts` makes of them what renders. */
  render(): never {
    throw new Error('A template is rendered by what compile.ts makes of it.');
  }
}

/** LiquidJS with the tags and filters that prompts may use and no other, and no way to a file. */
export const liquid = reader();

function reader(): Liquid {
  const made = new Liquid({ strictFilters: true, strictVariables: true, ownPropertyOnly: true, templates: {} });
  for (const name of Object.keys(made.tags)) if (!OF_LIQUID.includes(name)) Reflect.deleteProperty(made.tags, name);
  for (const name of Object.keys(made.filters)) if (!FILTER_NAMES.has(name)) made.unregisterFilter(name);
  made.registerTag('render', RenderTag);
  return made;
}
