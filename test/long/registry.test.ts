// The lab's Schema Registry on a real cluster: two instances over a real `_schemas` topic and a real group.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFaults } from '../../src/lab/faults.ts'
import { findLab } from '../../src/lab/labs.ts'
import type { Fault } from '../../src/ports/faults.ts'
import { bringUp, type Ready, takeDown, until } from '../real/harness.ts'
import { ask, recordsOf, remake, type Said, setPolicy } from '../real/registries.ts'

const soon = () => AbortSignal.timeout(60_000)
const NAMES = ['schema-registry1', 'schema-registry2'] as const
type Name = (typeof NAMES)[number]

let lab: Ready
let at: Readonly<Record<Name, string>>

const record = (name: string, ...fields: readonly object[]) => ({ schema: JSON.stringify({ type: 'record', name, fields }) })
const id = { name: 'id', type: 'long' }
const text = { name: 'text', type: 'string' }

const both = (method: string, where: string): Promise<readonly Said[]> => Promise.all(NAMES.map((name) => ask(at[name], method, where)))
const good = async (answer: Promise<Said>): Promise<unknown> => {
  const { status, body } = await answer
  expect({ status, body }).toMatchObject({ status: 200 })
  return body
}
const refused = async (answer: Promise<Said>, code: number) => expect((await answer).body).toMatchObject({ error_code: code })

const inject = (fault: Fault, broker?: number) =>
  openFaults(findLab(lab.name, path.join(lab.here.home, 'kdr', 'labs'))?.stateFile ?? '').inject(fault, broker === undefined ? {} : { broker }, soon())

const fileOf = (name: string, file: string) => path.join(lab.here.home, 'kdr', 'labs', lab.name, name, file)
const logOf = (name: string) => readFileSync(fileOf(name, 'out.log'), 'utf8')
/** As its own log says it last. */
const leaderOf = (name: Name): Name | undefined => {
  const address = [...logOf(name).matchAll(/Leader is (\S+)/g)].at(-1)?.[1]
  return NAMES.find((each) => at[each] === address)
}

const uidOf = async (name: string) => (await lab.truth.uids())[name] ?? null
const stop = async (name: string) => lab.truth.platform.stop({ name, uid: await uidOf(name) }, { grace: 20_000 }, soon())
const start = (name: string) => lab.truth.platform.start({ name, uid: null }, soon())
const serves = (name: Name) => until(`${name} serves`, async () => (await ask(at[name], 'GET', '/subjects')).status === 200)
const writes = (name: Name) =>
  until(`${name} writes`, async () => (await ask(at[name], 'PUT', '/config/__kdr_probe', { compatibility: 'NONE' })).status === 200, 120_000)
const everything = async (name: Name) => ask(at[name], 'GET', '/schemas?deleted=true')

beforeAll(async () => {
  lab = await bringUp('registries', '4', ['--with', 'schema-registry'])
  const members = await lab.truth.platform.members(soon())
  at = Object.fromEntries(NAMES.map((name) => [name, members.find((member) => member.name === name)?.addresses[0] ?? ''])) as typeof at
})
afterAll(() => takeDown(lab))

describe('two registries', () => {
  it('are members of the lab, agree on one leader, and keep everything in a compacted topic of three replicas', async () => {
    const status = (await lab.here.json(['lab', 'status', '--name', lab.name])) as { members: { name: string; role: string; state: string }[] }
    expect(status.members.filter(({ role }) => role === 'schema-registry').map(({ name, state }) => [name, state])).toEqual(
      NAMES.map((name) => [name, 'running']),
    )
    expect(leaderOf(NAMES[0])).toBeDefined()
    expect(leaderOf(NAMES[0])).toBe(leaderOf(NAMES[1]))
    const row = (await lab.truth.rows()).find(({ topic }) => topic === '_schemas')
    expect(row?.replicas).toHaveLength(3)
    const table = (await lab.truth.kafka.metadata(soon())).partitions
    expect([...table.rows()].filter(({ topic }) => topic === '_schemas')).toHaveLength(1)
  })

  it('give ids that both know, whoever is asked to write: a follower passes it on', async () => {
    expect(await good(ask(at[NAMES[0]], 'POST', '/subjects/users-value/versions', record('User', id)))).toEqual({ id: 1 })
    expect(await good(ask(at[NAMES[1]], 'POST', '/subjects/users-value/versions', record('User', id, { ...text, default: '' })))).toEqual({ id: 2 })
    expect(await good(ask(at[NAMES[1]], 'POST', '/subjects/other-value/versions', record('User', id)))).toEqual({ id: 1 })
    for (const name of NAMES) {
      await until(`${name} knows id 2`, async () => (await ask(at[name], 'GET', '/schemas/ids/2')).status === 200)
      expect(await good(ask(at[name], 'GET', '/subjects/users-value/versions'))).toEqual([1, 2])
      expect(await good(ask(at[name], 'GET', '/schemas/ids/1/versions'))).toEqual([
        { subject: 'other-value', version: 1 },
        { subject: 'users-value', version: 1 },
      ])
    }
    const follower = NAMES.find((name) => name !== leaderOf(name)) ?? NAMES[0]
    expect(logOf(follower)).toMatch(/POST \/subjects\/\S+\/versions 200/)
  })

  it('keep references, decode by them and protect them', async () => {
    const money = { name: 'Money', subject: 'money', version: 1 }
    await good(ask(at[NAMES[0]], 'POST', '/subjects/money/versions', record('Money', { name: 'cents', type: 'long' })))
    const order = { ...record('Order', { name: 'total', type: 'Money' }), references: [money] }
    const { id: given } = (await good(ask(at[NAMES[0]], 'POST', '/subjects/orders-value/versions', order))) as { id: number }
    expect(await good(ask(at[NAMES[0]], 'GET', `/schemas/ids/${given}`))).toMatchObject({ references: [money] })
    const bad = { ...record('Order', { name: 'total', type: 'string' }), references: [money] }
    expect(await good(ask(at[NAMES[0]], 'POST', '/compatibility/subjects/orders-value/versions/latest', bad))).toEqual({ is_compatible: false })
    expect(await good(ask(at[NAMES[0]], 'POST', '/compatibility/subjects/orders-value/versions/latest', order))).toEqual({ is_compatible: true })
    await refused(ask(at[NAMES[0]], 'DELETE', '/subjects/money'), 42206)
  })

  it('refuse what is incompatible, say so beforehand, and obey a level of the subject', async () => {
    const next = record('User', { ...id, type: 'string' })
    expect(await good(ask(at[NAMES[1]], 'POST', '/compatibility/subjects/users-value/versions/latest', next))).toEqual({ is_compatible: false })
    await refused(ask(at[NAMES[1]], 'POST', '/subjects/users-value/versions', next), 409)
    await good(ask(at[NAMES[1]], 'PUT', '/config/users-value', { compatibility: 'NONE' }))
    for (const name of NAMES)
      await until(`${name} knows the level`, async () => JSON.stringify((await ask(at[name], 'GET', '/config/users-value')).body).includes('NONE'))
    await refused(ask(at[NAMES[0]], 'GET', '/config/orders-value'), 40408)
    await refused(ask(at[NAMES[0]], 'PUT', '/config', { compatibility: 'SOME' }), 42203)
    await good(ask(at[NAMES[0]], 'DELETE', '/config/users-value'))
  })

  it('answer what is not there as Confluent does', async () => {
    await refused(ask(at[NAMES[0]], 'GET', '/subjects/nobody/versions'), 40401)
    await refused(ask(at[NAMES[0]], 'GET', '/subjects/users-value/versions/9'), 40402)
    await refused(ask(at[NAMES[0]], 'GET', '/subjects/users-value/versions/x'), 42202)
    await refused(ask(at[NAMES[0]], 'GET', '/schemas/ids/999'), 40403)
    await refused(ask(at[NAMES[0]], 'POST', '/subjects/users-value', record('Nobody')), 40403)
    await refused(ask(at[NAMES[0]], 'POST', '/subjects/users-value/versions', { schema: '{' }), 42201)
    expect(await good(ask(at[NAMES[0]], 'POST', '/subjects/users-value', record('User', id)))).toMatchObject({ version: 1, id: 1 })
    expect(await good(ask(at[NAMES[0]], 'GET', '/'))).toEqual({})
  })

  it('delete softly first, then for good', async () => {
    await good(ask(at[NAMES[1]], 'POST', '/subjects/gone-value/versions', record('Gone')))
    await refused(ask(at[NAMES[1]], 'DELETE', '/subjects/gone-value?permanent=true'), 40405)
    expect(await good(ask(at[NAMES[1]], 'DELETE', '/subjects/gone-value'))).toEqual([1])
    await until('both know', async () => (await both('GET', '/subjects')).every(({ body }) => !(body as string[]).includes('gone-value')))
    expect(await good(ask(at[NAMES[0]], 'GET', '/subjects?deleted=true'))).toContain('gone-value')
    await good(ask(at[NAMES[0]], 'POST', '/subjects/soft-value/versions', record('Soft')))
    await good(ask(at[NAMES[0]], 'DELETE', '/subjects/soft-value/versions/1'))
    expect(await good(ask(at[NAMES[1]], 'DELETE', '/subjects/gone-value?permanent=true'))).toEqual([1])
    expect(await good(ask(at[NAMES[0]], 'GET', '/subjects/soft-value/versions?deleted=true'))).toEqual([1])
  })

  it('do not import into a registry that is not empty', async () => {
    await refused(ask(at[NAMES[0]], 'PUT', '/mode', { mode: 'IMPORT' }), 42205)
    await refused(ask(at[NAMES[0]], 'POST', '/subjects/users-value/versions', { ...record('User', id), id: 70, version: 9 }), 42205)
    expect(await good(ask(at[NAMES[1]], 'GET', '/mode'))).toEqual({ mode: 'READWRITE' })
  })

  it('know everything again after a restart', async () => {
    const before = await everything(NAMES[0])
    for (const name of NAMES) {
      await stop(name)
      await start(name)
      await serves(name)
      expect(await everything(name)).toEqual(before)
    }
    expect(logOf(NAMES[0])).not.toContain('FATAL')
  })
})

describe('when one of them goes', () => {
  it('the other leads, and reads go on without anybody', async () => {
    await writes(NAMES[0])
    const [gone] = await inject('kill-registry')
    expect(gone).toBe(NAMES[1])
    expect((await ask(at[NAMES[0]], 'GET', '/schemas/ids/1')).status).toBe(200)
    await writes(NAMES[0])
    expect(leaderOf(NAMES[0])).toBe(NAMES[0])
    await start(NAMES[1])
    await serves(NAMES[1])
    await writes(NAMES[1])
  })

  it('a graceful end leaves the group at once', async () => {
    const leader = leaderOf(NAMES[0]) ?? NAMES[0]
    const other = NAMES.find((name) => name !== leader) ?? NAMES[1]
    await stop(leader)
    const end = performance.now()
    await writes(other)
    // Sooner than the session of 10 s: the next heartbeat tells.
    expect(performance.now() - end).toBeLessThan(9000)
    expect(readFileSync(fileOf(leader, 'exit'), 'utf8').trim()).toBe('143')
    await start(leader)
    await serves(leader)
  })

  it('two with one address lead nobody: writes are refused, reads are answered', async () => {
    const file = fileOf(NAMES[1], 'node.properties')
    const properties = readFileSync(file, 'utf8')
    const port = at[NAMES[0]].split(':')[1]
    await stop(NAMES[1])
    await writes(NAMES[0])
    writeFileSync(file, `${properties}advertised.port=${port}\nkafkastore.init.timeout.ms=4000\n`)
    // It may have ended before anybody saw it run.
    await start(NAMES[1]).catch((thrown) => expect(thrown).toMatchObject({ code: 'start-failed' }))
    await until('it ends', async () => (await uidOf(NAMES[1])) === null)
    expect(logOf(NAMES[1])).toMatch(/multiple members advertising the same URL[\s\S]*FATAL .*Timed out waiting for join group/)
    await refused(ask(at[NAMES[0]], 'PUT', '/config/__kdr_probe', { compatibility: 'NONE' }), 50004)
    expect((await ask(at[NAMES[0]], 'GET', '/schemas/ids/1')).status).toBe(200)
    writeFileSync(file, properties)
    await stop(NAMES[0])
    for (const name of NAMES) await start(name)
    for (const name of NAMES) await writes(name)
  })
})

describe('when its topic is lost', () => {
  it('the records as they were bring back every id, the softly deleted ones too', async () => {
    const before = await everything(NAMES[0])
    const records = await recordsOf(lab.truth)
    for (const name of NAMES) await stop(name)
    await remake(lab.truth, records)
    for (const name of NAMES) await start(name)
    for (const name of NAMES) {
      await serves(name)
      expect(await everything(name)).toEqual(before)
    }
    const highest = Math.max(...(before.body as { id: number }[]).map(({ id: each }) => each))
    await writes(NAMES[0])
    const { id: next } = (await good(ask(at[NAMES[0]], 'POST', '/subjects/next-value/versions', record('Next')))) as { id: number }
    expect(next).toBeGreaterThan(highest)
  })

  it('lose-schemas leaves an empty one, and IMPORT puts back what is asked for, ids and versions included', async () => {
    const before = (await everything(NAMES[0])).body as { subject: string; version: number; id: number; schema: string; references?: object[] }[]
    const hit = await inject('lose-schemas')
    expect(hit).toEqual([...NAMES])
    for (const name of NAMES) await serves(name)
    expect((await everything(NAMES[0])).body).toEqual([])
    await until('a leader', async () => (await ask(at[NAMES[0]], 'PUT', '/mode', { mode: 'IMPORT' })).status === 200)
    const wanted = [...before].sort((a, b) => (a.references?.length ?? 0) - (b.references?.length ?? 0))
    for (const { subject, ...each } of wanted) expect(await good(ask(at[NAMES[1]], 'POST', `/subjects/${subject}/versions`, each))).toEqual({ id: each.id })
    await good(ask(at[NAMES[0]], 'PUT', '/mode', { mode: 'READWRITE' }))
    for (const name of NAMES) await until(`${name} has them`, async () => JSON.stringify((await everything(name)).body) === JSON.stringify(before))
  })

  it('a topic that would forget schemas is refused at the start', async () => {
    await stop(NAMES[1])
    await setPolicy(lab.truth, 'delete')
    // It may have ended before anybody saw it run.
    await start(NAMES[1]).catch((thrown) => expect(thrown).toMatchObject({ code: 'start-failed' }))
    await until('it ends', async () => (await uidOf(NAMES[1])) === null)
    expect(logOf(NAMES[1])).toMatch(/FATAL .*cleanup\.policy is delete and must be compact/)
    expect((await ask(at[NAMES[0]], 'GET', '/schemas/ids/1')).status).toBe(200)
    await setPolicy(lab.truth, 'compact')
    await start(NAMES[1])
    await serves(NAMES[1])
  })

  it('schemas-leaderless takes the last replica away and nothing else: reads are answered, writes time out', async () => {
    const hit = await inject('schemas-leaderless', 2)
    expect(hit).toEqual(['kafka2'])
    await until('nobody leads it', async () => (await lab.truth.rows()).some(({ topic, leader }) => topic === '_schemas' && leader < 0))
    const leaderless = (await lab.truth.rows()).filter(({ leader }) => leader < 0).map(({ topic, replicas }) => [topic, replicas])
    expect(leaderless).toEqual([['_schemas', [2]]])
    await until(
      'the group has a coordinator',
      async () => ((await ask(at[NAMES[0]], 'PUT', '/mode', { mode: 'READWRITE' })).body as { error_code: number }).error_code === 50002,
    )
    expect((await ask(at[NAMES[1]], 'GET', '/schemas/ids/1')).status).toBe(200)
    await lab.truth.platform.start({ name: 'kafka2', uid: null }, soon())
    for (const name of NAMES) await writes(name)
  })

  it('stop-registry stops them all', async () => {
    const hit = await inject('stop-registry')
    expect(hit).toEqual([...NAMES])
    expect([await uidOf(NAMES[0]), await uidOf(NAMES[1])]).toEqual([null, null])
  })
})
