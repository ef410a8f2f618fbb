import { compileExpression, type Evaluate, type Frame, NO_LOOP, type Owner, pathOf, type Scope, undefinedVariable, within } from './expressions.js';
import type { Expression, Include, Loop, Statement } from './syntax.js';
import { describe, isEmpty, isEqual, isTruthy } from './values.js';

type Run = (frame: Frame) => void;

/** Writes what another prompt says. */
export type RunInclude = (include: Include, variables: Record<string, unknown>, frame: Frame) => void;

/** Statements as a function that writes what they say. */
export function compile(statements: Statement[], owner: Owner, runInclude: RunInclude): Run {
  return new Compiling(owner, runInclude).body(statements, NO_LOOP);
}

class Compiling {
  constructor(
    private readonly owner: Owner,
    private readonly runInclude: RunInclude,
  ) {}

  body(statements: Statement[], scope: Scope): Run {
    const runs = statements.map((statement) => this.statement(statement, scope));
    return (frame) => {
      for (const run of runs) run(frame);
    };
  }

  private statement(statement: Statement, scope: Scope): Run {
    switch (statement.kind) {
      case 'text': {
        const { text } = statement;
        return ({ work }) => {
          work.step();
          work.write(text);
        };
      }
      case 'output': return this.output(statement, scope);
      case 'if': return this.choice(statement, scope);
      case 'case': return this.cases(statement, scope);
      case 'for': return this.loop(statement, scope);
      case 'include': return this.include(statement.include, scope);
    }
  }

  private output({ value, at }: Extract<Statement, { kind: 'output' }>, scope: Scope): Run {
    const evaluate = compileExpression(value, scope, this.owner);
    return (frame) => {
      const found = evaluate(frame);
      frame.work.step();
      if (typeof found === 'string') frame.work.write(found);
      else if (typeof found === 'number' || typeof found === 'boolean') frame.work.write(String(found));
      else if (found !== null) {
        throw undefinedVariable(this.owner, pathOf(value), at, `as text, number or boolean; given: ${describe(found)}. Loop over it, or write {{ ${pathOf(value)} | json }}`);
      }
    };
  }

  private choice({ branches, otherwise }: Extract<Statement, { kind: 'if' }>, scope: Scope): Run {
    const choices = branches.map(({ test, body }) => ({ test: compileExpression(test, scope, this.owner, true), run: this.body(body, scope) }));
    const last = this.body(otherwise, scope);
    return (frame) => {
      frame.work.step();
      for (const { test, run } of choices) {
        if (isTruthy(test(frame))) return run(frame);
      }
      last(frame);
    };
  }

  private cases({ value, branches, otherwise }: Extract<Statement, { kind: 'case' }>, scope: Scope): Run {
    const evaluate = compileExpression(value, scope, this.owner, true);
    const choices = branches.map(({ values, body }) => ({
      fits: values.map((each) => {
        if (each.kind === 'emptiness') return (found: unknown, { work }: Frame) => isEmpty(found, each.blank, work);
        const other = compileExpression(each, scope, this.owner, true);
        return (found: unknown, frame: Frame) => isEqual(found, other(frame), frame.work);
      }),
      run: this.body(body, scope),
    }));
    const last = this.body(otherwise, scope);
    return (frame) => {
      const found = evaluate(frame);
      let any = false;
      for (const { fits, run } of choices) {
        frame.work.step();
        if (!fits.some((fit) => fit(found, frame))) continue;
        any = true;
        run(frame);
      }
      if (!any) last(frame);
    };
  }

  private loop(loop: Loop, scope: Scope): Run {
    const slot = scope.slots;
    const [items, run, otherwise] = [this.items(loop, scope), this.body(loop.body, within(scope, loop.variable)), this.body(loop.otherwise, scope)];
    return (frame) => {
      const list = items(frame);
      const { slots, work } = frame;
      work.step();
      if (list.whole === 0) return otherwise(frame);
      for (let index = 0; index < list.length; index += 1) {
        work.step();
        slots[slot] = list.at(index);
        slots[slot + 1] = new Turn(index, list.length);
        run(frame);
      }
    };
  }

  /** What a loop goes over, without a copy of it. */
  private items({ over, offset, limit, reversed }: Loop, scope: Scope): (frame: Frame) => Items & { whole: number } {
    const [skip, most] = [offset, limit].map((bound) => bound && this.whole(compileExpression(bound, scope, this.owner), bound, over));
    const whole = this.all(over, scope);
    return (frame) => {
      const all = whole(frame);
      const from = Math.min(Math.max(skip?.(frame) ?? 0, 0), all.length);
      const length = Math.max(Math.min(all.length - from, most?.(frame) ?? Infinity), 0);
      return { length, whole: all.length, at: (index) => all.at(from + (reversed ? length - 1 - index : index)) };
    };
  }

  private all(over: Loop['over'], scope: Scope): (frame: Frame) => Items {
    if ('list' in over) {
      const list = compileExpression(over.list, scope, this.owner);
      return (frame) => {
        const found = list(frame);
        if (Array.isArray(found)) return found as unknown[];
        throw undefinedVariable(this.owner, over.list.text, over.list.at, `as a list; given: ${describe(found)}`);
      };
    }
    const [from, to] = [over.from, over.to].map((bound) => this.whole(compileExpression(bound, scope, this.owner), bound, over));
    return (frame) => {
      const [first, last] = [from!(frame), to!(frame)];
      return { length: Math.max(last - first + 1, 0), at: (index) => first + index };
    };
  }

  private whole(evaluate: Evaluate, expression: Expression, over: Loop['over']): (frame: Frame) => number {
    return (frame) => {
      const found = evaluate(frame);
      const number = typeof found === 'number' || (typeof found === 'string' && found.trim() !== '') ? Number(found) : NaN;
      if (Number.isSafeInteger(number)) return number;
      throw undefinedVariable(this.owner, pathOf(expression), 'at' in over ? over.at : over.list.at, `as a whole number; given: ${describe(found)}`);
    };
  }

  private include(include: Include, scope: Scope): Run {
    const args = include.args.map(({ name, value }) => [name, compileExpression(value, scope, this.owner)] as const);
    return (frame) => {
      frame.work.step();
      if (args.length === 0) return this.runInclude(include, frame.variables, frame);
      // A copy of the variables for each time that the prompt is included.
      frame.work.step(Object.keys(frame.variables).length);
      this.runInclude(include, { ...frame.variables, ...Object.fromEntries(args.map(([name, evaluate]) => [name, evaluate(frame)])) }, frame);
    };
  }
}

interface Items {
  readonly length: number;
  at(index: number): unknown;
}

/** `forloop` in a loop. */
class Turn {
  readonly index: number;
  readonly rindex: number;
  readonly rindex0: number;
  readonly first: boolean;
  readonly last: boolean;

  constructor(readonly index0: number, readonly length: number) {
    this.index = index0 + 1;
    this.rindex = length - index0;
    this.rindex0 = this.rindex - 1;
    this.first = index0 === 0;
    this.last = index0 === length - 1;
  }
}
