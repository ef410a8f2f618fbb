// Correctness with types, the size rules of docs/architecture.md, and a few habits that no type can hold.
import tseslint from 'typescript-eslint';

const NO_BARRELS = [
  { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that declares it.' },
  { selector: 'ExportNamedDeclaration[source]', message: 'No barrels: import from the file that declares it.' },
];
const ONE_READER_OF_THE_ENVIRONMENT = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'src/config/config.ts is the only reader of the environment; inject CONFIG.',
};
const STATUS_IN_LIFECYCLES = {
  selector: "CallExpression[callee.property.name='set'] Property[key.name='status'], CallExpression[callee.name='transition']",
  message: 'Only a *.lifecycle.ts writes a status.',
};

const typed = { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } };

export default tseslint.config(
  { ignores: ['dist/**', 'coverage/**', 'trainer/**', 'vendor/**', '**/generated/**', 'src/contracts/*.generated.ts', 'src/database/migrations/*.ts', '.triad/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, typed],
    rules: {
      // Nest and TypeORM hold their meaning in decorators of classes without bodies.
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // noUncheckedIndexedAccess makes an index maybe-undefined; `!` states what the line before has made sure of.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Entities and argument types are classes for their decorators; as values they are plain data.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      // A generic base entity uses its parameter in one column.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/max-params': ['error', { max: 7 }],
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 40 }],
      'no-restricted-imports': ['error', { paths: [{ name: '@nestjs/common', importNames: ['forwardRef'], message: 'A cycle between features is a design fault; move what both need.' }] }],
      'no-restricted-syntax': ['error', ...NO_BARRELS],
    },
  },
  {
    files: ['src/**/*.ts'],
    // The launcher and the executors hand an environment on to processes that they start.
    ignores: ['src/config/config.ts', 'src/launcher.ts', 'src/supervised.ts', 'src/migrate.ts', 'src/fine-tune-jobs/executors/*.ts', '**/*.spec.ts'],
    rules: { 'no-restricted-syntax': ['error', ...NO_BARRELS, ONE_READER_OF_THE_ENVIRONMENT, STATUS_IN_LIFECYCLES] },
  },
  {
    files: ['src/**/*.lifecycle.ts', 'src/database/transition.ts'],
    rules: { 'no-restricted-syntax': ['error', ...NO_BARRELS, ONE_READER_OF_THE_ENVIRONMENT] },
  },
  {
    // Tests: long describe blocks, and answers of an API that are looked into as they come.
    files: ['**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    rules: { 'max-lines': ['error', 300], 'max-lines-per-function': ['error', { max: 40 }] },
  },
);
