// The drill through the binary: on real processes, and in simulation with nothing installed.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { stand } from './harness.ts'

const here = stand()
afterAll(() => here.clear())

const SCORE = {
  schema: 'kdr/drill/1',
  scenario: 'single-broker',
  diagnosis: { expected: 'single-broker', got: 'single-broker' },
  ledger: { acknowledged: expect.any(Number), lost: 0, duplicated: expect.any(Number) },
  outcome: 'recovered',
  problems: [],
}

it('brings up a lab of its own, recovers it verified, and leaves nothing behind', async () => {
  const report = await here.json(['drill', 'single-broker', '--kafka', '3.9'])
  expect(report).toMatchObject({
    ...SCORE,
    platform: 'process',
    kafka: '3.9',
    phases: expect.arrayContaining([{ name: 'lab up', seconds: expect.any(Number) }]),
  })
  const labs = path.join(here.home, 'kdr', 'labs')
  expect(existsSync(labs) ? readdirSync(labs).filter((name) => !name.startsWith('.')) : []).toEqual([])
})

it('uses a lab that is up again, and leaves it up', async () => {
  const first = await here.kdr(['drill', 'single-broker', '--kafka', '4', '--keep', '--fault', 'stop-broker'])
  expect(first.code, first.err).toBe(0)
  const again = await here.kdr(['drill', 'single-broker', '--kafka', '4', '--fault', 'hang-broker', '--output', 'json'])
  expect(again.code, again.err).toBe(0)
  expect(JSON.parse(again.out)).toMatchObject({ ...SCORE, phases: expect.arrayContaining([{ name: 'lab (it was up)', seconds: expect.any(Number) }]) })
  expect(await here.json(['lab', 'status', '--name', 'drill-process-4'])).toMatchObject({
    members: expect.arrayContaining([expect.objectContaining({ name: 'kafka1', state: 'running' })]),
  })
})

it('runs in simulation where Java or Maven is missing, and says so', async () => {
  const ran = await here.kdr(['drill', 'single-broker', '--output', 'json'], { env: { PATH: '/nonexistent', JAVA_HOME: '', KAFKA_HOME: '' } })
  expect(ran.code, ran.err).toBe(0)
  expect(ran.err).toContain('simulation')
  expect(JSON.parse(ran.out)).toMatchObject({ ...SCORE, platform: 'simulated' })
})
