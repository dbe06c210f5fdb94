// The machine under pod kafka-2 loses its power: its successor fits nowhere else, and nothing that kdr could
// delete would help. It says so, with the machine's name.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cutPower, GRANTS, type Ground, open, powerUp } from '../kubernetes/harness.ts'
import { until } from '../real/harness.ts'

let ground: Ground
beforeAll(async () => {
  ground = await open('zookeeper')
  await ground.healthy()
})
afterAll(async () => {
  powerUp()
  await ground?.close()
})

const statusOf = (...what: readonly string[]) => ground.kubectl('get', ...what)

it('names the node that is gone, and deletes nothing', async () => {
  const node = statusOf('pod', 'kafka-2', '-o', 'jsonpath={.spec.nodeName}')
  cutPower(node)
  await until('the node is NotReady', async () => statusOf('node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') === 'Unknown')

  const old = await ground.recover('--broker', '3', ...GRANTS, ground.namespace)
  expect([5, 7], old.out + old.err).toContain(old.code)
  expect(old.out + old.err).toContain(node)

  await ground.deletePod('kafka-2', '--force', '--grace-period=0')
  await until('its successor is Pending', async () => statusOf('pod', 'kafka-2', '-o', 'jsonpath={.status.conditions[0].reason}') === 'Unschedulable')
  const before = ground.uids()
  const diagnosis = (await ground.diagnosis()) as { readonly brokers: readonly number[] }
  expect(diagnosis.brokers).toEqual([3])
  const dry = await ground.recover('--dry-run')
  expect(dry.code, dry.out + dry.err).toBe(5)
  const said = dry.out.replace(/\s+/g, ' ')
  expect(said).toMatch(/scheduling: .*didn't match pod anti-affinity rules/)
  expect(said).toMatch(new RegExp(`${node}: unreachable`))
  expect(said).toContain('bring the node back or make room for it')
  const ran = await ground.recover(...GRANTS, ground.namespace)
  expect(ran.code, ran.out + ran.err).toBe(5)
  expect(ground.uids()).toEqual(before)
})

it('needs nothing more than the node, and has lost nothing', async () => {
  powerUp()
  await ground.healthy()
  await ground.ledger.stop()
  expect(await ground.ledger.score(AbortSignal.timeout(120_000))).toMatchObject({ lost: 0 })
})
