// What kdr asks of two Schema Registries and of the group that elects their leader, and what it may change.
import { beforeAll, describe, expect, it } from 'vitest'
import type { SchemaVersion } from '../../src/model/schemas.ts'
import type { SchemaText } from '../../src/ports/schema-registry.ts'
import { minutes } from '../../src/units.ts'
import { codeOf, eventually, heal, type Subject, seen, soon } from './subject.ts'

const avro = (name: string, ...fields: readonly object[]): SchemaText => ({
  type: 'AVRO',
  schema: JSON.stringify({ type: 'record', name, fields }),
  references: [],
})
const version = (subject: string, number: number, id: number, text: SchemaText, deleted = false): SchemaVersion => ({
  subject,
  version: number,
  id,
  deleted,
  ...text,
})

const ID = { name: 'id', type: 'string' }
const NOTE = { name: 'note', type: 'string', default: '' }
const CUSTOMER = version('customer', 1, 14, avro('Customer', { name: 'name', type: 'string' }))
const BASKET = version('basket-value', 1, 22, {
  ...avro('Basket', { name: 'of', type: 'Customer' }),
  references: [{ name: 'Customer', subject: 'customer', version: 1 }],
})
/** In the order in which they can be registered; ids and versions with gaps. */
const WANTED = [
  version('orders-value', 1, 17, avro('Order', ID)),
  version('orders-value', 3, 19, avro('Order', ID, NOTE)),
  CUSTOMER,
  BASKET,
  version('retired', 1, 13, avro('Retired', { name: 'x', type: 'int' }), true),
]
const LIVE = WANTED.filter(({ deleted }) => !deleted)
const plain = ({ deleted: _, ...rest }: SchemaVersion) => rest

const CANARY = '__kdr_canary_contract'
const byName = (a: { subject: string; version: number }, b: { subject: string; version: number }) =>
  a.subject === b.subject ? a.version - b.version : a.subject < b.subject ? -1 : 1

export const registryContract = (name: string, setUp: () => Promise<Subject>): void => {
  describe(`${name}: schema registry`, () => {
    let subject: Subject
    let urls: readonly string[]
    beforeAll(async () => {
      subject = await setUp()
      await heal(subject)
      const members = await subject.ports.platform.members(soon(subject))
      urls = members.flatMap(({ roles, addresses }) => (roles.includes('schema-registry') ? [`http://${addresses[0]}`] : []))
      expect(urls).toHaveLength(2)
      await writes(subject, urls)
    })
    empty(
      () => subject,
      () => urls,
    )
    importing(
      () => subject,
      () => urls,
    )
    probing(
      () => subject,
      () => urls,
    )
    failing(
      () => subject,
      () => urls,
    )
  })
}

/** Every instance takes a write: there is a leader, and all of them know it. */
const writes = async (subject: Subject, urls: readonly string[]): Promise<void> => {
  const { registry } = subject.write
  for (const url of urls) {
    await eventually(subject, `${url} takes a write`, () =>
      registry.configure(url, CANARY, 'NONE', soon(subject)).then(
        () => true,
        () => false,
      ),
    )
  }
  await registry.remove(urls[0] ?? '', CANARY, soon(subject))
}

type Get<T> = () => T

const empty = (get: Get<Subject>, urls: Get<readonly string[]>): void => {
  it('holds nothing at first, and says so of every question', async () => {
    const { registry } = get().ports
    for (const url of urls()) {
      const ask = soon(get())
      expect(await registry.subjects(url, { deleted: true }, ask)).toEqual([])
      expect(await registry.list(url, { deleted: true }, ask)).toEqual([])
      expect(await registry.versions(url, 'nobody', { deleted: true }, ask)).toEqual([])
      expect(await registry.byId(url, 999, ask)).toBeNull()
      expect([await registry.config(url, null, ask), await registry.mode(url, null, ask)]).toEqual(['BACKWARD', 'READWRITE'])
      expect([await registry.config(url, 'nobody', ask), await registry.mode(url, 'nobody', ask)]).toEqual([null, null])
      expect(await codeOf(registry.schema(url, 'nobody', 1, ask))).toBe('registry-40401')
    }
  })

  it('tells by its group who leads, and what each of them advertises', async () => {
    const group = await eventually(get(), 'the group is stable, with both', async () => {
      const described = await get().ports.kafka.describeGroup('schema-registry', soon(get()))
      return described.state === 'Stable' && described.members.length === 2 ? described : null
    })
    expect(group.protocolType).toBe('sr')
    const said = group.members.map(({ metadata, assignment }) => ({
      own: JSON.parse(metadata.toString('utf8')) as { host: string; port: number; scheme: string; master_eligibility: boolean },
      told: JSON.parse(assignment.toString('utf8')) as { error: number; master_identity: { host: string; port: number } },
    }))
    expect(said.map(({ own }) => `${own.scheme}://${own.host}:${own.port}`).sort()).toEqual([...urls()].sort())
    const leaders = new Set(said.map(({ told }) => `http://${told.master_identity.host}:${told.master_identity.port}`))
    expect(said.map(({ told }) => told.error)).toEqual([0, 0])
    expect(leaders.size).toBe(1)
    expect(urls()).toContain([...leaders][0])
  })

  it('is not reached where nobody listens, and ends with the reason of its signal', async () => {
    const { registry } = get().ports
    expect(await codeOf(registry.subjects('http://127.0.0.1:1', { deleted: false }, soon(get())))).toBe('registry-unreachable')
    const reason = new Error('enough')
    await expect(registry.subjects(urls()[0] ?? '', { deleted: false }, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
}

const putAll = async (get: Get<Subject>, url: string): Promise<void> => {
  const { registry } = get().write
  await registry.setMode(url, null, 'IMPORT', soon(get()))
  for (const each of WANTED) await registry.importVersion(url, each, soon(get()))
  await registry.deleteVersion(url, 'retired', 1, soon(get()))
  await registry.setConfig(url, 'customer', 'FULL', soon(get()))
  await registry.setMode(url, 'customer', 'READONLY', soon(get()))
  await registry.setConfig(url, null, 'FORWARD', soon(get()))
  await registry.setMode(url, null, 'READWRITE', soon(get()))
}

/** A follower reads a moment later what the leader wrote. */
const everywhere = (get: Get<Subject>, urls: readonly string[]): Promise<readonly true[]> =>
  Promise.all(
    urls.map((url) =>
      eventually(get(), `${url} serves what was imported`, async () => {
        const { registry } = get().ports
        const live = await registry.list(url, { deleted: false }, soon(get()))
        return live?.length === LIVE.length && (await registry.mode(url, null, soon(get()))) === 'READWRITE'
      }),
    ),
  )

const expectWanted = async (get: Get<Subject>, urls: readonly string[]): Promise<void> => {
  const { registry } = get().ports
  for (const url of urls) {
    const [all, live] = [await registry.list(url, { deleted: true }, soon(get())), await registry.list(url, { deleted: false }, soon(get()))]
    expect([...(all ?? [])].sort(byName)).toEqual(WANTED.map(plain).sort(byName))
    expect([...(live ?? [])].sort(byName)).toEqual(LIVE.map(plain).sort(byName))
  }
}

const importing = (get: Get<Subject>, urls: Get<readonly string[]>): void => {
  it('takes versions with their ids in mode IMPORT only, whoever is asked', async () => {
    const { registry } = get().write
    const [first = '', second = ''] = urls()
    expect(await codeOf(registry.importVersion(first, CUSTOMER, soon(get())))).toBe('registry-42205')
    await registry.setMode(second, null, 'IMPORT', soon(get()))
    // What it refers to comes first.
    expect(await codeOf(registry.importVersion(second, BASKET, soon(get())))).toBe('registry-42201')
    await putAll(get, second)
    await everywhere(get, urls())
    await expectWanted(get, urls())
  })

  it('serves them one by one as it lists them, soft-deleted ones too where that is asked', async () => {
    const { registry } = get().ports
    for (const url of urls()) {
      const ask = soon(get())
      expect([...(await registry.subjects(url, { deleted: false }, ask))].sort()).toEqual(['basket-value', 'customer', 'orders-value'])
      expect([...(await registry.subjects(url, { deleted: true }, ask))].sort()).toEqual(['basket-value', 'customer', 'orders-value', 'retired'])
      expect(await registry.versions(url, 'orders-value', { deleted: false }, ask)).toEqual([1, 3])
      expect(await registry.versions(url, 'retired', { deleted: false }, ask)).toEqual([])
      expect(await registry.versions(url, 'retired', { deleted: true }, ask)).toEqual([1])
      for (const each of WANTED) {
        expect(await registry.schema(url, each.subject, each.version, ask)).toEqual(plain(each))
        expect(await registry.byId(url, each.id, ask)).toEqual({ type: each.type, schema: each.schema, references: each.references })
      }
      expect(await codeOf(registry.schema(url, 'orders-value', 2, ask))).toBe('registry-40402')
      expect([await registry.config(url, 'customer', ask), await registry.mode(url, 'customer', ask)]).toEqual(['FULL', 'READONLY'])
      expect([await registry.config(url, null, ask), await registry.mode(url, null, ask)]).toEqual(['FORWARD', 'READWRITE'])
      expect([await registry.config(url, 'orders-value', ask), await registry.mode(url, 'orders-value', ask)]).toEqual([null, null])
    }
  })

  it('imports nothing more once it is not empty, and changes nothing for having been asked', async () => {
    const { registry } = get().write
    for (const url of urls()) {
      expect(await codeOf(registry.setMode(url, null, 'IMPORT', soon(get())))).toBe('registry-42205')
      expect(await codeOf(registry.importVersion(url, { ...CUSTOMER, subject: 'another', id: 50 }, soon(get())))).toBe('registry-42205')
    }
    await expectWanted(get, urls())
  })

  it('keeps what others refer to', async () => {
    const { registry } = get().write
    await registry.setMode(urls()[0] ?? '', 'customer', 'READWRITE', soon(get()))
    expect(await codeOf(registry.deleteVersion(urls()[0] ?? '', 'customer', 1, soon(get())))).toBe('registry-42206')
    await expectWanted(get, urls())
  })
}

const probing = (get: Get<Subject>, urls: Get<readonly string[]>): void => {
  it('judges and numbers a canary of its own, and forgets it for good', async () => {
    const { registry } = get().write
    const reader = get().ports.registry
    const [first = '', second = ''] = urls()
    await registry.configure(first, CANARY, 'BACKWARD', soon(get()))
    const id = await registry.register(first, CANARY, avro('Canary', ID), soon(get()))
    expect(id).toBeGreaterThan(Math.max(...WANTED.map((each) => each.id)))
    expect(await registry.register(second, CANARY, avro('Canary', ID), soon(get()))).toBe(id)
    for (const url of urls()) {
      await eventually(
        get(),
        `${url} knows the canary`,
        async () => (await reader.config(url, CANARY, soon(get()))) === 'BACKWARD' && reader.byId(url, id, soon(get())),
      )
      expect(await reader.compatible(url, CANARY, avro('Canary', ID, NOTE), soon(get()))).toBe(true)
      expect(await reader.compatible(url, CANARY, avro('Canary', { ...ID, type: 'long' }), soon(get()))).toBe(false)
    }
    await registry.remove(second, CANARY, soon(get()))
    await registry.remove(first, CANARY, soon(get()))
    for (const url of urls()) {
      await eventually(get(), `${url} has forgotten the canary`, async () => !(await reader.subjects(url, { deleted: true }, soon(get()))).includes(CANARY))
      expect(await reader.config(url, CANARY, soon(get()))).toBeNull()
    }
    await expectWanted(get, urls())
  })

  it('touches no subject that is not its own', async () => {
    const { registry } = get().write
    const [url = ''] = urls()
    expect(await codeOf(registry.register(url, 'orders-value', avro('Order', ID), soon(get())))).toBe('not-a-canary')
    expect(await codeOf(registry.configure(url, 'orders-value', 'NONE', soon(get())))).toBe('not-a-canary')
    expect(await codeOf(registry.remove(url, 'orders-value', soon(get())))).toBe('not-a-canary')
    await expectWanted(get, urls())
  })
}

const failing = (get: Get<Subject>, urls: Get<readonly string[]>): void => {
  const startAll = async () => {
    const members = await get().ports.platform.members(soon(get()))
    for (const { name, roles, uid } of members)
      if (roles.includes('schema-registry') && seen(uid) === null) await get().write.platform.start({ name, uid: null }, soon(get(), minutes(2)))
  }

  it('goes on without one of them, which knows everything again afterwards', async () => {
    const [killed] = await get().faults.inject('kill-registry', {}, soon(get(), minutes(1)))
    const members = await get().ports.platform.members(soon(get()))
    const gone = `http://${members.find(({ name }) => name === killed)?.addresses[0]}`
    const [left = ''] = urls().filter((url) => url !== gone)
    expect(await codeOf(get().ports.registry.subjects(gone, { deleted: false }, soon(get())))).toBe('registry-unreachable')
    await expectWanted(get, [left])
    await writes(get(), [left])
    await startAll()
    await writes(get(), urls())
    await expectWanted(get, urls())
  })

  it('is empty where its topic was lost, and then takes everything back under its old ids', async () => {
    await get().faults.inject('lose-schemas', {}, soon(get(), minutes(2)))
    await writes(get(), urls())
    for (const url of urls()) expect(await get().ports.registry.list(url, { deleted: true }, soon(get()))).toEqual([])
    await putAll(get, urls()[0] ?? '')
    await everywhere(get, urls())
    await expectWanted(get, urls())
  })

  it('is stopped altogether, and serves it all again', async () => {
    await get().faults.inject('stop-registry', {}, soon(get(), minutes(1)))
    for (const url of urls()) expect(await codeOf(get().ports.registry.subjects(url, { deleted: false }, soon(get())))).toBe('registry-unreachable')
    await startAll()
    await writes(get(), urls())
    await expectWanted(get, urls())
  })
}
