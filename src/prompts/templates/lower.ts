import { CaseTag, CommentTag, ForTag, IfTag, Output, type PropertyAccessToken, RawTag, type Template, type Token, TypeGuards, UnlessTag, type Value } from 'liquidjs';
import { parseReference } from '../../common/references.js';
import { filterOf } from './filters.js';
import { RenderTag } from './liquid.js';
import type { Expression, Include, Loop, Operator, Path, Place, Statement } from './syntax.js';

/** Tags within tags, and brackets within brackets. */
const MAX_DEPTH = 50;
/** Operators and operands of one expression. */
const MAX_OPERANDS = 200;
const MAX_FILTERS = 50;
const LOOP_WORDS = new Set(['limit', 'offset', 'reversed']);

/** Ends the reading of a template. */
export type Refuse = (begin: number, why: string) => never;

/** What LiquidJS has read, as statements, with what it lets pass refused. */
export function lower(templates: Template[], source: string, message: number, refuse: Refuse): Statement[] {
  return new Lowering(source, message, refuse).statements(templates);
}

class Lowering {
  private depth = 0;

  constructor(
    private readonly source: string,
    private readonly message: number,
    private readonly refuse: Refuse,
  ) {}

  statements(templates: Template[]): Statement[] {
    this.depth += 1;
    const made = templates.flatMap((template) => {
      const statement = this.statement(template);
      return statement ? [statement] : [];
    });
    this.depth -= 1;
    return made;
  }

  private statement(template: Template): Statement | null {
    const { token } = template;
    if (this.depth > MAX_DEPTH) this.refuse(token.begin, `tags are nested more than ${MAX_DEPTH} deep.`);
    if (TypeGuards.isHTMLToken(token)) return { kind: 'text', text: token.getContent() };
    if (template instanceof Output) return { kind: 'output', value: this.value(template.value, token), at: this.at(token) };
    if (template instanceof RawTag) return { kind: 'text', text: template.render() };
    if (template instanceof CommentTag) return null;
    if (template instanceof RenderTag) return { kind: 'include', include: this.include(template) };
    if (template instanceof ForTag) return this.loop(template);
    if (template instanceof CaseTag) {
      return {
        kind: 'case', value: this.value(template.value, token),
        branches: template.branches.map(({ values, templates }) => ({ values: values.map((value) => this.operand(value)), body: this.statements(templates) })),
        otherwise: this.statements(template.elseTemplates),
      };
    }
    if (!(template instanceof IfTag || template instanceof UnlessTag)) return this.refuse(token.begin, 'this tag is not allowed.');
    const branches = template.branches.map(({ value, templates }) => ({ test: this.value(value, token), body: this.statements(templates) }));
    if (template instanceof UnlessTag) branches[0]!.test = { kind: 'not', operand: branches[0]!.test };
    return { kind: 'if', branches, otherwise: this.statements(template.elseTemplates ?? []) };
  }

  private loop(tag: ForTag): Loop {
    const { token, variable, collection } = tag;
    const { hash } = tag.hash;
    this.assertEnded(tag.token);
    const word = Object.keys(hash).find((each) => !LOOP_WORDS.has(each) || (each === 'reversed') !== (hash[each] === undefined));
    if (word !== undefined) this.refuse(token.begin, `for does not take ${JSON.stringify(word)} so; after the list may stand limit: 3, offset: 1 and reversed.`);
    const bound = (name: string) => (hash[name] ? this.operand(hash[name]) : null);
    return {
      kind: 'for', variable, over: this.loopedOver(collection, token),
      offset: bound('offset'), limit: bound('limit'), reversed: 'reversed' in hash,
      body: this.statements(tag.templates), otherwise: this.statements(tag.elseTemplates),
    };
  }

  private loopedOver(collection: Token, { begin }: Token): Loop['over'] {
    if (TypeGuards.isRangeToken(collection)) return { from: this.operand(collection.lhs), to: this.operand(collection.rhs), at: this.at(collection) };
    if (TypeGuards.isPropertyAccessToken(collection)) return { list: this.path(collection) };
    return this.refuse(begin, 'for loops over a list that a variable holds, or over a range such as (1..3).');
  }

  private include(tag: RenderTag): Include {
    this.assertEnded(tag.token);
    const args = tag.args.map(({ name, value, begin }) => {
      if (!value) return this.refuse(begin, `render passes variables as name: value; ${name.content} has no value.`);
      return { name: name.content, value: this.operand(value) };
    });
    const written = tag.reference.startsWith('prompts:/') ? tag.reference : `prompts:/${tag.reference}`;
    try {
      const { name, version, alias } = parseReference(written, 'prompts');
      return { reference: version === null ? `${name}@${alias ?? 'production'}` : `${name}/${version}`, args, at: this.at(tag.token) };
    } catch {
      return this.refuse(tag.token.begin, `${JSON.stringify(tag.reference.slice(0, 200))} names no prompt; write {% render "NAME@LABEL" %} or {% render "NAME/3" %}.`);
    }
  }

  private assertEnded({ tokenizer, begin }: ForTag['token']): void {
    tokenizer.skipBlank();
    if (!tokenizer.end()) this.refuse(begin, `unexpected ${tokenizer.snapshot()}.`);
  }

  /** @param tag where it stands when it has no place of its own */
  private value({ initial, filters }: Value, tag: Token): Expression {
    let value = this.tree(initial.postfix, tag);
    if (filters.length > MAX_FILTERS) this.refuse(tag.begin, `a value has more than ${MAX_FILTERS} filters.`);
    for (const { name, args } of filters) {
      const { args: [least, most] } = filterOf(name);
      const at = this.at(tag);
      if (args.length < least || args.length > most) this.refuse(tag.begin, `the filter ${name} takes ${least === most ? least : `${least} to ${most}`} arguments, not ${args.length}.`);
      const given = args.map((arg) => (Array.isArray(arg) ? this.refuse(tag.begin, `the filter ${name} takes no named arguments.`) : this.operand(arg)));
      value = { kind: 'filter', name, input: value, args: given, at };
    }
    if (value.kind === 'emptiness') this.refuse(tag.begin, 'empty and blank are words of the language and stand beside == or != only. A variable of that name is written ["empty"].');
    return value;
  }

  /** LiquidJS gives operands and operators in postfix order, too many operands of one or too few included. */
  private tree(postfix: Token[], tag: Token): Expression {
    if (postfix.length > MAX_OPERANDS) this.refuse(tag.begin, `an expression has more than ${MAX_OPERANDS} operators and operands.`);
    const stack: Expression[] = [];
    const take = () => stack.pop() ?? this.refuse(tag.begin, 'an operator lacks what it is applied to.');
    for (const token of postfix) {
      if (!TypeGuards.isOperatorToken(token)) stack.push(this.operand(token));
      else if (token.operator === 'not') stack.push({ kind: 'not', operand: take() });
      else {
        const right = take();
        stack.push(this.binary(token.operator === '!=' ? '==' : token.operator, take(), right, token));
        if (token.operator === '!=') stack.push({ kind: 'not', operand: take() });
      }
    }
    const value = take();
    if (stack.length > 0) this.refuse(tag.begin, 'two values stand beside each other without an operator between them.');
    return value;
  }

  private binary(operator: Operator, left: Expression, right: Expression, token: Token): Expression {
    if (operator !== '==' && (left.kind === 'emptiness' || right.kind === 'emptiness')) this.refuse(token.begin, 'empty and blank stand beside == or != only.');
    return { kind: 'binary', operator, left, right, at: this.at(token) };
  }

  private operand(token: Token): Expression {
    if (TypeGuards.isQuotedToken(token) || TypeGuards.isNumberToken(token)) return { kind: 'literal', value: token.content };
    if (TypeGuards.isLiteralToken(token)) {
      if (token.literal === 'empty' || token.literal === 'blank') return { kind: 'emptiness', blank: token.literal === 'blank' };
      return { kind: 'literal', value: typeof token.content === 'boolean' ? token.content : null };
    }
    if (TypeGuards.isPropertyAccessToken(token)) return this.path(token);
    return this.refuse(token.begin, 'a range such as (1..3) stands in {% for x in (1..3) %} only.');
  }

  private path(token: PropertyAccessToken): Path {
    const [root, ...rest] = token.props;
    if (token.variable || !root || !(TypeGuards.isWordToken(root) || TypeGuards.isQuotedToken(root))) {
      return this.refuse(token.begin, `${token.getText().slice(0, 100)} does not begin with the name of a variable.`);
    }
    this.depth += 1;
    if (this.depth > MAX_DEPTH) this.refuse(token.begin, `brackets are nested more than ${MAX_DEPTH} deep.`);
    const segments = rest.map((prop) => {
      if (TypeGuards.isWordToken(prop)) return prop.content === '' ? this.refuse(token.begin, '[] holds nothing.') : prop.content;
      const value = this.operand(prop);
      return value.kind === 'literal' && (typeof value.value === 'string' || typeof value.value === 'number') ? value.value : value;
    });
    this.depth -= 1;
    return { kind: 'path', root: root.content, segments, text: token.getText(), at: this.at(token) };
  }

  private at({ begin }: Token): Place {
    return { message: this.message, source: this.source, begin };
  }
}
