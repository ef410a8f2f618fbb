import { DomainError } from '../../common/errors.js';
import { filterOf, type Takes } from './filters.js';
import { describePlace, type Expression, type Path, type Place } from './syntax.js';
import { compare, contains, describe, isEmpty, isEqual, isScalar, isTruthy, read } from './values.js';
import type { Work } from './work.js';

/** What a template is evaluated with. */
export interface Frame {
  variables: Record<string, unknown>;
  /** Variables of loops, by the number that the scope gives them. */
  slots: unknown[];
  work: Work;
}

export type Evaluate = (frame: Frame) => unknown;

/** What the loops around an expression have bound. */
export interface Scope {
  /** Name → its slot. */
  names: ReadonlyMap<string, number>;
  slots: number;
}

export const NO_LOOP: Scope = { names: new Map(), slots: 0 };

/** The scope of a loop's body: its variable has the next slot, and `forloop` the one after. */
export const within = ({ names, slots }: Scope, variable: string): Scope => ({ names: new Map([...names, ['forloop', slots + 1], [variable, slots]]), slots: slots + 2 });

/** Whose template it is, for errors: `Prompt "greet"`. */
export interface Owner {
  title: string;
}

export function undefinedVariable({ title }: Owner, path: string, at: Place, problem: string): DomainError {
  return new DomainError('undefined_variable', `${title} needs {{${path.slice(0, 200)}}} at ${describePlace(at)}, ${problem}.`, `variables.${path.slice(0, 200)}`);
}

/**
 * @param lenient whether a variable may be missing and is then null: in conditions, and before `| default:`
 */
export function compileExpression(expression: Expression, scope: Scope, owner: Owner, lenient = false): Evaluate {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'emptiness': return () => null;
    case 'path': return compilePath(expression, scope, owner, lenient);
    case 'not': {
      const operand = compileExpression(expression.operand, scope, owner, lenient);
      return (frame) => !isTruthy(operand(frame));
    }
    case 'binary': return compileBinary(expression, scope, owner, lenient);
    case 'filter': return compileFilter(expression, scope, owner, lenient);
  }
}

function compilePath({ root, segments, text, at }: Path, scope: Scope, owner: Owner, lenient: boolean): Evaluate {
  const slot = scope.names.get(root);
  const missing = () => undefinedVariable(owner, text, at, 'which is not given');
  const begin: Evaluate = slot === undefined
    ? ({ variables }) => (Object.hasOwn(variables, root) ? variables[root] : undefined)
    : ({ slots }) => slots[slot];
  const keys = segments.map((segment) => (typeof segment === 'object' ? compileExpression(segment, scope, owner) : segment));
  return (frame) => {
    frame.work.step();
    let value = begin(frame);
    for (const key of keys) {
      if (value === undefined) break;
      value = read(value, typeof key === 'function' ? key(frame) : key);
    }
    if (value !== undefined) return value;
    if (lenient) return null;
    throw missing();
  };
}

function compileBinary({ operator, left, right, at }: Extract<Expression, { kind: 'binary' }>, scope: Scope, owner: Owner, lenient: boolean): Evaluate {
  const [l, r] = [compileExpression(left, scope, owner, lenient), compileExpression(right, scope, owner, lenient)];
  const sensible = (answer: boolean | undefined, a: unknown, b: unknown) => {
    if (answer !== undefined) return answer;
    throw new DomainError('undefined_variable', `${owner.title} asks at ${describePlace(at)} for ${describe(a)} ${operator} ${describe(b)}, which cannot be compared.`, 'variables');
  };
  switch (operator) {
    case 'and': return (frame) => isTruthy(l(frame)) && isTruthy(r(frame));
    case 'or': return (frame) => isTruthy(l(frame)) || isTruthy(r(frame));
    case '==':
      if (right.kind === 'emptiness') return (frame) => isEmpty(l(frame), right.blank, frame.work);
      if (left.kind === 'emptiness') return (frame) => isEmpty(r(frame), left.blank, frame.work);
      return (frame) => isEqual(l(frame), r(frame), frame.work);
    case 'contains': return (frame) => {
      const [whole, part] = [l(frame), r(frame)];
      return sensible(contains(whole, part, frame.work), whole, part);
    };
    default: return (frame) => {
      const [a, b] = [l(frame), r(frame)];
      return sensible(compare(operator, a, b), a, b);
    };
  }
}

function compileFilter({ name, input, args, at }: Extract<Expression, { kind: 'filter' }>, scope: Scope, owner: Owner, lenient: boolean): Evaluate {
  const filter = filterOf(name);
  const value = compileExpression(input, scope, owner, lenient || name === 'default');
  const given = args.map((arg) => compileExpression(arg, scope, owner));
  const what = pathOf(input);
  const check = (found: unknown, takes: Takes) => {
    if (!fits(found, takes)) throw undefinedVariable(owner, what, at, `to which | ${name} applies as ${EXPECTED[takes]}; given: ${describe(found)}`);
  };
  return (frame) => {
    const found = value(frame);
    check(found, filter.takes);
    if (typeof found === 'string') frame.work.use(found.length);
    else if (filter.takes === 'scalars') frame.work.step((found as unknown[]).length);
    const values = given.map((each) => each(frame));
    if (name !== 'default') for (const each of values) check(each, 'scalar');
    return filter.apply(found, values, frame.work);
  };
}

const EXPECTED: Record<Takes, string> = { scalar: 'text, number or boolean', list: 'a list', scalars: 'a list of texts, numbers or booleans', any: 'anything' };

const fits = (value: unknown, takes: Takes): boolean => takes === 'any'
  || (takes === 'scalar' ? isScalar(value) : Array.isArray(value) && (takes === 'list' || value.every(isScalar)));

/** What an error calls the expression. */
export function pathOf(expression: Expression): string {
  return expression.kind === 'path' ? expression.text : expression.kind === 'filter' ? pathOf(expression.input) : '…';
}
