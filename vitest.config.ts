// One project per tier: what is real differs, and so does how long it may take.
import { defineConfig } from 'vitest/config'

const tier = (name: string, include: string[], test: Record<string, unknown> = {}) => ({ test: { name, include, ...test } })

export default defineConfig({
  test: {
    projects: [
      tier('unit', ['test/**/*.test.ts'], {
        exclude: ['contract', 'real', 'simulated', 'long', 'docker', 'kubernetes'].map((folder) => `test/${folder}/**`),
        testTimeout: 60_000,
      }),
      tier('simulated', ['test/simulated/**/*.test.ts', 'test/contract/simulated.test.ts'], { testTimeout: 120_000 }),
      tier('contract', ['test/contract/real-*.test.ts'], { testTimeout: 180_000, hookTimeout: 300_000 }),
      tier('real', ['test/real/**/*.test.ts'], { testTimeout: 300_000, hookTimeout: 300_000 }),
      tier('docker', ['test/docker/**/*.test.ts'], { testTimeout: 300_000, hookTimeout: 600_000 }),
      tier('kubernetes', ['test/kubernetes/**/*.test.ts'], { testTimeout: 300_000, hookTimeout: 600_000 }),
      tier('long', ['test/long/**/*.test.ts'], { fileParallelism: false, testTimeout: 3_600_000, hookTimeout: 600_000 }),
    ],
  },
})
