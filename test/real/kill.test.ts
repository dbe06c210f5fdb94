// kill -9 of kdr itself, once per kind of journal line of a real recovery: resumed, it reaches the same end
// and applies nothing twice. Every line: test/long.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bringUp, type Ready, takeDown } from './harness.ts'
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
  let lab: Ready
  beforeAll(async () => {
    lab = await bringUp('killed', '3.5')
  })
  afterAll(() => takeDown(lab))

  it.each(KINDS)('%s', async (kind) => {
    expect(await killAndResume(lab, { KDR_KILL_TYPE: kind })).toBe(true)
  })
})
