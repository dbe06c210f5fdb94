// kill -9 of kdr at every journal line of a real recovery. Long: `npm run test:long`.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTopics, stand, type Truth, truthOf } from '../real/harness.ts'
import { killAndResume } from '../real/killing.ts'

describe.each(['3.5', '4'])('kdr killed at every journal line, Kafka %s', (kafka) => {
  const here = stand()
  const name = `long${kafka.replace('.', '')}`
  let truth: Truth

  beforeAll(async () => {
    const up = await here.kdr(['lab', 'up', '--name', name, '--kafka', kafka])
    expect(up.code, up.err).toBe(0)
    truth = truthOf(here, name)
    await createTopics(truth, {
      __kdr_orders: {
        assignments: [
          [1, 2, 3],
          [2, 3, 1],
          [3, 1, 2],
        ],
        minIsr: 2,
      },
    })
  })
  afterAll(async () => {
    await truth?.close()
    await here.clear()
  })

  it('reaches the same end from each', async () => {
    let line = 1
    while (line < 200) {
      const met = await killAndResume(here, truth, name, { KDR_KILL_LINE: String(line) })
      if (!met) break
      // The last line says that the run has finished: killed after it, there is nothing to resume.
      line += 1
    }
    expect(line).toBeGreaterThan(20)
  })
})
