import { describe, expect, it } from 'vitest';
import { FileProblem } from './imported.js';
import { readPromptFile } from './prompt-file.js';

const SHAPES: Record<string, (n: number) => string> = {
  braces: (n) => '{'.repeat(n), closed: (n) => '['.repeat(n) + ']'.repeat(n), maps: (n) => '{a: '.repeat(n) + '}'.repeat(n), keys: (n) => '? '.repeat(n), dashes: (n) => '- '.repeat(n), anchors: (n) => '&a '.repeat(n), tags: (n) => '!a '.repeat(n),
  colons: (n) => ': '.repeat(n), aliases: (n) => '*a '.repeat(n), documents: (n) => '---\n'.repeat(n), indents: (n) => Array.from({ length: Math.min(n, 600) }, (_, index) => `${' '.repeat(index)}a:`).join('\n'), quotes: (n) => '"'.repeat(n),
  directives: (n) => '%a\n'.repeat(n), commas: (n) => `[${','.repeat(n)}`, wrong: (n) => 'a\n- b\n'.repeat(n), list: (n) => '- a\n'.repeat(n), map: (n) => Array.from({ length: n }, (_, index) => `k${index}: v`).join('\n'),
  flow: (n) => `{${Array.from({ length: n }, (_, index) => `k${index}: 1`).join(', ')}}`, tabs: (n) => '\t'.repeat(n), escapes: (n) => `"${'\\x41'.repeat(n)}"`, deeper: (n) => Array.from({ length: 40 }, (_, index) => ' '.repeat(index * 100) + '- '.repeat(Math.min(50, n))).join('\n'),
};

describe('YAML that nobody would write', () => {
  it.each(Object.keys(SHAPES).flatMap((shape) => [60, 900, 9_000, 90_000].map((n) => [shape, n] as const)))('is read or refused: %s, %i', (shape, n) => {
    for (const file of [{ path: 'a.yaml', content: SHAPES[shape]!(n) }, { path: 'a.yaml', content: `config: ${SHAPES[shape]!(n)}` }, { path: 'a.md', content: `---\nconfig:\n  x: ${SHAPES[shape]!(n)}\n---\n## user\nx` }]) {
      try {
        readPromptFile(file);
      } catch (error) {
        expect(error).toBeInstanceOf(FileProblem);
      }
    }
  });
});
