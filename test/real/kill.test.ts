// kill -9 of kdr itself, around its question and its effect in a real recovery: resumed, it reaches the same end and
// applies nothing twice. Every line: test/long.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bringUp, type Ready, takeDown } from './harness.ts'
import { killAndResume } from './killing.ts'

const KINDS = ['evidence.kept', 'gate.answered', 'step.intent', 'step.acted']

describe('kdr killed after a journal line, Kafka 3.5', () => {
  let lab: Ready
  beforeAll(async () => {
    lab = await bringUp('killed', '3.5')
  })
  afterAll(() => takeDown(lab))

  it.each(KINDS)('%s', async (kind) => {
    expect(await killAndResume(lab, { KDR_KILL_TYPE: kind })).toBe(true)
  })
})
