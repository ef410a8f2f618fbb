import { defineConfig } from 'vitest/config';

const services = { globalSetup: ['test/helpers/global-setup.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: true, maxWorkers: 2 };

// Node loads graphql's CommonJS build; its classes are told apart by instance, so tests load the same one.
const resolve = { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] };

export default defineConfig({
  test: {
    projects: [
      { resolve, test: { name: 'unit', include: ['src/**/*.spec.ts', 'test/unit/**/*.spec.ts'], setupFiles: ['reflect-metadata'], sequence: { groupOrder: 0 } } },
      { resolve, test: { name: 'integration', include: ['test/integration/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, sequence: { groupOrder: 1 } } },
      { resolve, test: { name: 'rest', include: ['test/rest/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, testTimeout: 900_000, sequence: { groupOrder: 1 } } },
      { resolve, test: { name: 'e2e', include: ['test/e2e/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false, sequence: { groupOrder: 2 } } },
      { resolve, test: { name: 'faults', include: ['test/faults/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false, sequence: { groupOrder: 3 } } },
    ],
  },
});
