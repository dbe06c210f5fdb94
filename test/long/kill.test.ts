// kill -9 of kdr at every journal line of a real recovery. Long: `npm run test:long`.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bringUp, type Ready, takeDown } from '../real/harness.ts'
import { killAndResume } from '../real/killing.ts'

describe.each(['3.5', '4'])('kdr killed at every journal line, Kafka %s', (kafka) => {
  let lab: Ready
  beforeAll(async () => {
    lab = await bringUp(`long${kafka.replace('.', '')}`, kafka)
  })
  afterAll(() => takeDown(lab))

  it('reaches the same end from each', async () => {
    let line = 1
    while (line < 200) {
      const met = await killAndResume(lab, { KDR_KILL_LINE: String(line) })
      if (!met) break
      // The last line says that the run has finished: killed after it, there is nothing to resume.
      line += 1
    }
    expect(line).toBeGreaterThan(20)
  })
})
