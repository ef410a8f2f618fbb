import { Ajv2020 } from 'ajv/dist/2020.js';
import schema from '../../contracts/grader.schema.json' with { type: 'json' };
import type { FunctionCallGrader, Grader, LengthGrader, StringCheckGrader } from '../contracts/contracts.generated.js';
import { DomainError } from './errors.js';

/** Graders that are programs; a reward_model grader needs a model and is scored where one runs. */
export type ProgramGrader = StringCheckGrader | FunctionCallGrader | LengthGrader;

/** One answer to one item; graders reach its columns as `{{item.<column>}}` and the answer as `{{sample.output_text}}`. */
export interface GradedAnswer {
  output: string;
  item: Record<string, unknown>;
}

/** Far more than an answer and what it is compared with. */
const MAX_FILLED_CHARACTERS = 8_000_000;

const validate = new Ajv2020({ discriminator: false, useDefaults: false }).compile<Grader>(schema);

/** Type of a grader → its definition in the schema. */
const TITLES = new Map([['string_check', 'StringCheckGrader'], ['function_call', 'FunctionCallGrader'], ['length', 'LengthGrader'], ['reward_model', 'RewardModelGrader']]);

/** @throws DomainError bad_input saying where the value departs from contracts/grader.schema.json. */
export function parseGrader(value: unknown): Grader {
  if (validate(value)) return value;
  // The schema is one `oneOf` over types: the errors of the other types say nothing about this one.
  const type = (value as { type?: unknown } | null)?.type;
  const title = typeof type === 'string' ? TITLES.get(type) : undefined;
  const own = title ? validate.errors?.filter((error) => error.schemaPath.includes(title)) ?? [] : [];
  const details = own.map((error) => `${error.instancePath || 'grader'} ${error.message}`).join('; ');
  throw new DomainError('bad_input', `The grader is not valid: ${details || `type must be one of ${[...TITLES.keys()].join(', ')}`}.`, 'grader');
}

/** Columns of the item that a grader reads. */
export function columnsOf(grader: Grader): string[] {
  const templates = [('input' in grader && grader.input) || '', ('reference' in grader && grader.reference) || ''];
  return [...new Set(templates.flatMap((template) => [...template.matchAll(/\{\{item\.([^{}]+)\}\}/g)].map((match) => match[1]!)))];
}

/**
 * Scores one answer, as contracts/grader.schema.json says.
 * @throws DomainError bad_data when the item lacks a column that the grader names, or it holds no text, number, boolean or
 * null; too_large when the grader names so much that no memory would hold it.
 */
export function grade(grader: ProgramGrader, answer: GradedAnswer): number {
  const input = fill(grader.input, answer);
  switch (grader.type) {
    case 'string_check': return stringCheck(grader.operation, input, fill(grader.reference, answer));
    case 'function_call': return functionCall(input, fill(grader.reference, answer), grader.partial ?? false);
    case 'length': return Math.min((input.match(/\S+/g)?.length ?? 0) / grader.per, grader.max ?? 10);
  }
}

function fill(template: string, { output, item }: GradedAnswer): string {
  let room = MAX_FILLED_CHARACTERS - template.length;
  return template.replace(/\{\{(sample\.output_text|item\.([^{}]+))\}\}/g, (_, __, column: string | undefined) => {
    const value = column === undefined ? output : columnOf(item, column);
    room -= value.length;
    if (room < 0) throw new DomainError('too_large', `The grader's template, filled in, has more than ${MAX_FILLED_CHARACTERS} characters. Name long columns less often.`, 'grader');
    return value;
  });
}

function columnOf(item: Record<string, unknown>, column: string): string {
  if (!Object.hasOwn(item, column)) {
    throw new DomainError('bad_data', `The grader reads {{item.${column}}}, but an item has only the columns ${Object.keys(item).join(', ') || '(none)'}.`, 'grader');
  }
  const value = item[column];
  if (typeof value === 'object' && value !== null) throw new DomainError('bad_data', `The grader reads {{item.${column}}}, which is no text, number or boolean. Name a column that is.`, 'grader');
  return String(value);
}

function stringCheck(operation: StringCheckGrader['operation'], input: string, reference: string): number {
  switch (operation) {
    case 'eq': return Number(input.trim() === reference.trim());
    case 'ne': return Number(input.trim() !== reference.trim());
    case 'like': return Number(input.includes(reference));
    case 'ilike': return Number(input.toLowerCase().includes(reference.toLowerCase()));
  }
}

const normalise = (text: string) => text.trim().toLowerCase().replace(/\s+/g, ' ');

/** `[name, ...arguments]` of the first line that is not empty, or null when that line is not a call and nothing else. */
function parseCall(text: string): string[] | null {
  const line = text.split(/\r?\n/).find((each) => each.trim() !== '') ?? '';
  const match = /^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\(([^()]*)\)\s*$/.exec(line);
  if (!match) return null;
  const args = match[2]!.trim() === '' ? [] : match[2]!.split(',').map(normalise);
  return [normalise(match[1]!), ...args];
}

function functionCall(input: string, reference: string, partial: boolean): number {
  const [said, wanted] = [parseCall(input), parseCall(reference)];
  if (!said) return 0;
  if (wanted && said.length === wanted.length && said.every((part, index) => part === wanted[index])) return 1;
  if (!partial) return 0;
  if (said[0] !== wanted?.[0]) return 0.1;
  const [saidArgs, wantedArgs] = [said.slice(1), wanted!.slice(1)];
  const agree = saidArgs.filter((argument, index) => argument === wantedArgs[index]).length;
  return 0.1 + 0.2 + 0.5 * (agree / Math.max(saidArgs.length, wantedArgs.length));
}
