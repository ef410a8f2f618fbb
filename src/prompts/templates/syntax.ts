/** Where something stands in the templates of a prompt. */
export interface Place {
  /** Of the prompt, from 1. */
  message: number;
  source: string;
  /** Offset in `source`. */
  begin: number;
}

export type Scalar = string | number | boolean | null;

/** What has a value. */
export type Expression =
  | { kind: 'literal'; value: Scalar }
  /** `empty` or `blank`, which stand only beside `==` and `!=`. */
  | { kind: 'emptiness'; blank: boolean }
  | Path
  | { kind: 'binary'; operator: Operator; left: Expression; right: Expression; at: Place }
  | { kind: 'not'; operand: Expression }
  | { kind: 'filter'; name: string; input: Expression; args: Expression[]; at: Place };

export type Operator = 'and' | 'or' | '==' | '<' | '<=' | '>' | '>=' | 'contains';

/** `root.x[0][y]` */
export interface Path {
  kind: 'path';
  root: string;
  segments: (string | number | Expression)[];
  /** As it is written. */
  text: string;
  at: Place;
}

/** What is written out, or decides what is. */
export type Statement =
  | { kind: 'text'; text: string }
  | { kind: 'output'; value: Expression; at: Place }
  | { kind: 'if'; branches: { test: Expression; body: Statement[] }[]; otherwise: Statement[] }
  /** Every branch that fits is written, as in Liquid. */
  | { kind: 'case'; value: Expression; branches: { values: Expression[]; body: Statement[] }[]; otherwise: Statement[] }
  | Loop
  | { kind: 'include'; include: Include };

export interface Loop {
  kind: 'for';
  variable: string;
  over: { list: Path } | { from: Expression; to: Expression; at: Place };
  offset: Expression | null;
  limit: Expression | null;
  reversed: boolean;
  body: Statement[];
  otherwise: Statement[];
}

/** `{% render "folder/name@label", x: y %}` */
export interface Include {
  /** `name/3` or `name@label`, whatever way it was written in. */
  reference: string;
  args: { name: string; value: Expression }[];
  at: Place;
}

/** `message 2, line 3, column 4` */
export function describePlace({ message, source, begin }: Place): string {
  const before = source.slice(0, begin);
  const line = before.split('\n').length;
  return `message ${message}, line ${line}, column ${begin - before.lastIndexOf('\n')}`;
}
