// kill -9 of kdr itself, once per kind of journal line of a real recovery: resumed, it reaches the same end
// and applies nothing twice. Every line: test/long.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTopics, stand, type Truth, truthOf } from './harness.ts'
import { killAndResume } from './killing.ts'

const KINDS = [
  'run.started',
  'phase.started',
  'evidence.kept',
  'step.settled',
  'step.nothing',
  'gate.asked',
  'gate.answered',
  'step.intent',
  'step.acted',
  'phase.finished',
]

describe('kdr killed at each kind of journal line, Kafka 3.5', () => {
  const here = stand()
  const name = 'killed'
  let truth: Truth

  beforeAll(async () => {
    const up = await here.kdr(['lab', 'up', '--name', name, '--kafka', '3.5'])
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

  it.each(KINDS)('%s', async (kind) => {
    expect(await killAndResume(here, truth, name, { KDR_KILL_TYPE: kind })).toBe(true)
  })
})
