import type { Expression, Include, Path, Statement } from './syntax.js';
import { filterOf } from './filters.js';

/** A JSON Schema (draft 2020-12). */
export type JsonSchema = Record<string, unknown>;

/** What templates do with a value. */
class Use {
  private scalar = false;
  private nullable = false;
  private always = false;
  private items: Use | null = null;
  readonly properties = new Map<string, Use>();
  private readonly required = new Set<string>();

  /** It is written, or compared with a scalar. */
  asScalar(): void {
    this.scalar = true;
  }

  /** It may be nothing or null as well. */
  asNullable(): void {
    this.nullable = true;
  }

  /** It is read whatever the variables are. */
  asAlwaysRead(): void {
    this.always = true;
  }

  asList(): Use {
    return (this.items ??= new Use());
  }

  property(name: string, required: boolean): Use {
    if (required) this.required.add(name);
    let use = this.properties.get(name);
    if (!use) this.properties.set(name, use = new Use());
    return use;
  }

  get count(): number {
    return 1 + (this.items?.count ?? 0) + [...this.properties.values()].reduce((sum, use) => sum + use.count, 0);
  }

  /** The whole of the variables. */
  toObject(): JsonSchema {
    const entries = [...this.properties].sort(([a], [b]) => (a < b ? -1 : 1));
    return { type: 'object', properties: Object.fromEntries(entries.map(([name, use]) => [name, use.toSchema()])), required: [...this.required].sort() };
  }

  private toSchema(): JsonSchema {
    const types = [...(this.scalar ? ['string', 'number', 'boolean'] : []), ...(this.items ? ['array'] : []), ...(this.properties.size > 0 ? ['object'] : [])];
    if (types.length === 0) return {};
    if (this.nullable && !this.always) types.push('null');
    const { properties, required } = this.properties.size > 0 ? this.toObject() : {};
    return {
      type: types.length === 1 ? types[0] : types,
      ...(this.items && { items: this.items.toSchema() }),
      ...(properties !== undefined && { properties, required }),
    };
  }
}

/** A name in scope, and how many conditions stood around it where it was bound: what is read under no more is always read. */
interface Bound {
  use: Use;
  conditions: number;
}

/** What every value has that Liquid can ask for. */
const OF_ANY = new Set(['size', 'first', 'last']);

/** What the templates of one version read, and what they include. */
export class Inference {
  readonly includes = new Map<string, Include>();
  private readonly root = new Use();
  private conditions = 0;
  private scope: ReadonlyMap<string, Bound> = new Map();

  constructor(messages: Statement[][]) {
    for (const statements of messages) this.statements(statements);
  }

  /** Names of the variables, sorted. */
  get variables(): string[] {
    return [...this.root.properties.keys()].sort();
  }

  /** Places in the variables that the schema speaks of. */
  get size(): number {
    return this.root.count;
  }

  /** What is always read is required; what stands under a condition is not, and is an error only when it is read and missing. */
  get schema(): JsonSchema {
    return this.root.toObject();
  }

  private statements(statements: Statement[]): void {
    statements.forEach((statement) => this.statement(statement));
  }

  private conditional(statements: Statement[]): void {
    this.conditions += 1;
    this.statements(statements);
    this.conditions -= 1;
  }

  private statement(statement: Statement): void {
    switch (statement.kind) {
      case 'text': return;
      case 'output': return this.expression(statement.value)?.asScalar();
      case 'if':
        for (const { test, body } of statement.branches) {
          this.expression(test, true);
          this.conditional(body);
        }
        return this.conditional(statement.otherwise);
      case 'case':
        this.expression(statement.value, true);
        for (const { values, body } of statement.branches) {
          values.forEach((value) => this.expression(value, true));
          this.conditional(body);
        }
        return this.conditional(statement.otherwise);
      case 'for': return this.loop(statement);
      case 'include':
        this.includes.set(statement.include.reference, statement.include);
        statement.include.args.forEach(({ value }) => this.expression(value));
    }
  }

  private loop({ variable, over, offset, limit, body, otherwise }: Extract<Statement, { kind: 'for' }>): void {
    for (const bound of [offset, limit, ...('list' in over ? [] : [over.from, over.to])]) if (bound) this.expression(bound)?.asScalar();
    const items = 'list' in over ? this.path(over.list, false)?.asList() ?? new Use() : new Use();
    const outer = this.scope;
    this.conditions += 1;
    // With a limit or an offset not every item is read.
    const conditions = offset || limit ? -1 : this.conditions;
    this.scope = new Map([...outer, ['forloop', { use: new Use(), conditions: -1 }], [variable, { use: items, conditions }]]);
    this.statements(body);
    this.conditions -= 1;
    this.scope = outer;
    this.conditional(otherwise);
  }

  /** @returns the use of the value that the expression answers, when it is a variable's own */
  private expression(expression: Expression, lenient = false): Use | null {
    switch (expression.kind) {
      case 'literal': case 'emptiness': return null;
      case 'path': return this.path(expression, lenient);
      case 'not':
        this.expression(expression.operand, lenient);
        return null;
      case 'binary':
        this.expression(expression.left, lenient);
        this.expression(expression.right, lenient);
        return null;
      case 'filter': return this.filter(expression, lenient);
    }
  }

  private filter({ name, input, args }: Extract<Expression, { kind: 'filter' }>, lenient: boolean): Use | null {
    args.forEach((arg) => {
      const use = this.expression(arg);
      if (name !== 'default') use?.asScalar();
    });
    const use = this.expression(input, lenient || name === 'default');
    if (name === 'default') return use;
    const { takes } = filterOf(name);
    if (takes === 'scalar') use?.asScalar();
    else if (takes === 'scalars') use?.asList().asScalar();
    else if (takes === 'list') return use?.asList() ?? null;
    return null;
  }

  private path({ root, segments }: Path, lenient: boolean): Use | null {
    const bound = this.scope.get(root);
    const always = (conditions: number) => !lenient && this.conditions <= conditions;
    let required = always(bound ? bound.conditions : 0);
    let use: Use | null = bound ? bound.use : this.root.property(root, required);
    if (lenient) use.asNullable();
    if (required) use.asAlwaysRead();
    for (const segment of segments) {
      if (typeof segment === 'object') {
        this.expression(segment);
        use = null;
      } else if (typeof segment === 'number') {
        // Of the other items nothing is read.
        required = false;
        use = use?.asList() ?? null;
      }
      else if (OF_ANY.has(segment)) use = null;
      else use = use?.property(segment, required) ?? null;
      if (lenient) use?.asNullable();
      if (required) use?.asAlwaysRead();
    }
    return use;
  }
}
