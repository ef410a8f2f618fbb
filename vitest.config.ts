import { defineConfig } from 'vitest/config';

const services = { globalSetup: ['test/helpers/global-setup.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: true, maxWorkers: 2 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.spec.ts', 'test/unit/**/*.spec.ts'], setupFiles: ['reflect-metadata'], sequence: { groupOrder: 0 } } },
      { test: { name: 'integration', include: ['test/integration/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, sequence: { groupOrder: 1 } } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false, sequence: { groupOrder: 2 } } },
      { test: { name: 'faults', include: ['test/faults/**/*.spec.ts'], setupFiles: ['reflect-metadata'], ...services, testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false, sequence: { groupOrder: 3 } } },
    ],
  },
});
