import { describe, expect, it } from 'vitest';
import fixtures from '../../contracts/fixtures/graders.json' with { type: 'json' };
import { columnsOf, grade, parseGrader, type ProgramGrader } from './graders.js';

describe('graders', () => {
  it.each(fixtures.map((fixture) => [JSON.stringify(fixture), fixture] as const))('%s', (_, { grader, item, output, score }) => {
    expect(grade(parseGrader(grader) as ProgramGrader, { output, item })).toBeCloseTo(score, 12);
  });

  it.each([
    [{ type: 'string_check', operation: 'eq', input: 'x' }, /required property 'reference'/],
    [{ type: 'length', input: 'x', per: 0 }, /per must be > 0/],
    [{ type: 'python', source: '' }, /type must be one of/],
    [null, /type must be one of/],
  ])('refuses %j', (grader, message) => {
    expect(() => parseGrader(grader)).toThrow(message);
  });

  it('names the column that an item lacks, and never reads inherited ones', () => {
    const grader = { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.constructor}}' } as const;
    expect(() => grade(grader, { output: 'x', item: { expected: 'x' } })).toThrow('{{item.constructor}}');
    expect(columnsOf(grader)).toEqual(['constructor']);
  });

  it('does not read an answer as a template', () => {
    const grader = { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.expected}}' } as const;
    expect(grade(grader, { output: '{{item.expected}}', item: { expected: 'secret' } })).toBe(0);
  });
});
