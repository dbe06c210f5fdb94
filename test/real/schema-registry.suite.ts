// The registry's recovery through the binary, on the lab's two over a real cluster: every cause, what it refuses, and
// old records that decode again, in a cluster of another time too.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import type { KafkaRecord } from '../../src/ports/kafka.ts'
import { readVersions } from '../../src/survey/schemas.ts'
import { ALL, fillWithSchemas, inWords } from '../helpers/schemas.ts'
import { allInSync, bringUp, eventsOf, type Ran, type Ready, takeDown, until } from './harness.ts'
import { ask } from './registries.ts'

const PRELOAD = path.join(import.meta.dirname, 'kill-in-import.mjs')
const soon = () => AbortSignal.timeout(60_000)
const NAMES = ['schema-registry1', 'schema-registry2'] as const
const ORDERS = [1, 2].map((partition) => ({ topic: '__kdr_orders', partition }))

/** A lab with two registries in it, and what a test asks of them past the binary. */
const standOf = async (lab: Ready) => {
  const { here, truth, name } = lab
  const registry = openSchemaRegistry({ dial: truth.platform.dial, ca: null, auth: null, timeout: 20_000 })
  const members = await truth.platform.members(soon())
  const urls = NAMES.map((each) => `http://${members.find((member) => member.name === each)?.addresses[0]}`)
  const takesWrites = (url: string) =>
    until(
      `${url} takes a write`,
      async () => {
        await registry.configure(url, '__kdr_canary_test', 'NONE', soon())
        return true
      },
      120_000,
    )
  const fileOf = (member: string, file: string) => path.join(here.home, 'kdr', 'labs', name, member, file)
  return {
    ...lab,
    registry,
    urls,
    fileOf,
    kdr: (...args: readonly string[]) => here.kdr([...args, '--cluster', name]),
    recover: (...flags: readonly string[]) =>
      here.kdr(['recover', 'schema-registry', '--cluster', name, '--non-interactive', '--allow', 'restart,change,stop', '--confirm', name, ...flags]),
    breakIt: async (fault: string, ...flags: readonly string[]) => {
      const ran = await here.kdr(['lab', 'break', fault, '--name', name, ...flags])
      expect(ran.code, ran.err).toBe(0)
    },
    start: (member: string) => truth.platform.start({ name: member, uid: null }, soon()),
    stop: async (member: string) => truth.platform.stop({ name: member, uid: (await truth.uids())[member] ?? null }, { grace: 20_000 }, soon()),
    writable: async () => {
      for (const url of urls) await takesWrites(url)
      await registry.remove(urls[0] ?? '', '__kdr_canary_test', soon())
    },
    served: async (url: string) => inWords(await readVersions(registry, url, soon())),
    records: async (): Promise<readonly KafkaRecord[]> => {
      const pages = await Promise.all(ORDERS.map((at) => truth.kafka.fetch(at, 0n, { maxBytes: 1 << 20, maxWait: 500 }, soon())))
      return pages.flatMap((page) => page.records)
    },
  }
}
type Stand = Awaited<ReturnType<typeof standOf>>

const wordsOf = (ran: Ran): string => (ran.out + ran.err).replaceAll(/\s+/g, ' ')
const lastStep = (ran: Ran) =>
  eventsOf(ran)
    .filter(({ type }) => type === 'step.started')
    .at(-1)
const stepsOf = (ran: Ran) =>
  eventsOf(ran)
    .filter(({ type }) => type === 'step.intent')
    .map((event) => String(event['key']))

/** Reads of one instance, one after the other, until it is told to end: how many were answered, and how many not. */
const readingOn = (url: string) => {
  const count = { answered: 0, failed: 0 }
  let on = true
  const ended = (async () => {
    while (on) {
      const said = await ask(url.replace('http://', ''), 'GET', '/schemas/ids/7').catch(() => ({ status: 0 }))
      if (said.status === 200) count.answered += 1
      else count.failed += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  return async () => {
    on = false
    await ended
    return count
  }
}

/** By a library of its own, with the schema that the id names. */
const decode = async (url: string, value: Buffer | null): Promise<unknown> => {
  const bytes = value ?? Buffer.alloc(0)
  expect(bytes[0]).toBe(0)
  const { body } = await ask(url.replace('http://', ''), 'GET', `/schemas/ids/${bytes.readInt32BE(1)}`)
  // biome-ignore lint/correctness/noUnresolvedImports: its main is a folder, which Node resolves and Biome does not.
  const { default: avro } = await import('avsc')
  return avro.Type.forSchema(JSON.parse((body as { schema: string }).schema)).fromBuffer(bytes.subarray(5))
}

export const schemaRegistrySuite = (kafka: LabVersion) =>
  describe(`the schema registry of Kafka ${kafka}`, () => {
    let folder: string
    let stand: Stand
    let carried: readonly KafkaRecord[] = []
    /** With the topic's records, and without. */
    const whole = () => path.join(folder, 'schemas.json')
    const plain = () => path.join(folder, 'schemas-plain.json')

    beforeAll(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'kdr-schemas-'))
      stand = await standOf(await bringUp(`registry-${kafka}`, kafka, ['--with', 'schema-registry']))
      await stand.writable()
      await fillWithSchemas(stand.registry, stand.truth.kafka, stand.urls[0] ?? '', soon())
      await everywhere(ALL)
    })
    afterAll(async () => {
      await takeDown(stand)
      rmSync(folder, { recursive: true, force: true })
    })

    const everywhere = async (wanted: readonly string[]) => {
      for (const url of stand.urls) await until(`${url} serves ${wanted.length} versions`, async () => (await stand.served(url)).length === wanted.length)
      for (const url of stand.urls) expect(await stand.served(url)).toEqual(wanted)
    }
    const recovered = async (...flags: readonly string[]): Promise<Ran> => {
      const ran = await stand.recover('--output', 'ndjson', ...flags)
      expect(ran.code, ran.out + ran.err).toBe(0)
      expect(eventsOf(ran).at(-1)).toMatchObject({ outcome: 'recovered', rpoRecords: 0 })
      await everywhere(ALL)
      for (const url of stand.urls) expect(await stand.registry.mode(url, null, soon())).toBe('READWRITE')
      expect(await stand.registry.config(stand.urls[1] ?? '', 'customer', soon())).toBe('FULL')
      return ran
    }
    /** Refused, and nothing was touched. */
    const refused = async (code: number, ...flags: readonly string[]): Promise<string> => {
      const before = await stand.truth.uids()
      const ran = await stand.recover(...flags)
      expect(ran.code, ran.out + ran.err).toBe(code)
      expect(await stand.truth.uids()).toEqual(before)
      return wordsOf(ran)
    }

    it('well: healthy, nothing to recover, and exported for its owner only', async () => {
      await until('healthy', async () => (JSON.parse((await stand.kdr('diagnose', '--output', 'json')).out) as { verdict: string }).verdict === 'healthy')
      expect(await refused(5)).toContain('nothing to recover')
      const ran = await stand.kdr('schemas', 'export', whole(), '--output', 'json')
      expect(ran.code, ran.err).toBe(0)
      expect(JSON.parse(ran.out)).toMatchObject({ schema: 'kdr/schemas-export/1', file: whole(), versions: ALL.length, complete: true, missing: [] })
      expect(statSync(whole()).mode & 0o777).toBe(0o600)
      const manifest = JSON.parse(readFileSync(whole(), 'utf8')) as SchemaManifest
      expect(inWords(manifest.versions)).toEqual(ALL)
      expect(manifest.raw?.records.length).toBeGreaterThan(ALL.length)
      writeFileSync(plain(), JSON.stringify({ ...manifest, raw: null }))
      const again = await stand.kdr('schemas', 'export', whole())
      expect(again.code, again.err).toBe(2)
      expect(JSON.parse(readFileSync(whole(), 'utf8'))).toEqual(manifest)
    })

    it('one killed: diagnosed, previewed, refused without a grant, and restarted while the other serves every read', async () => {
      await stand.breakIt('kill-registry')
      const before = await stand.truth.uids()
      const [down] = NAMES.filter((member) => before[member] === null)
      const other = stand.urls[NAMES.findIndex((member) => member !== down)] ?? ''
      const end = readingOn(other)
      const diagnosis = JSON.parse((await stand.kdr('diagnose', '--output', 'json')).out) as object
      expect(diagnosis).toMatchObject({ verdict: 'schema-registry', next: expect.arrayContaining(['recover', 'schema-registry']) })
      const dry = await stand.kdr('recover', 'schema-registry', '--dry-run', '--output', 'ndjson')
      expect(dry.code, dry.out + dry.err).toBe(0)
      expect(lastStep(dry)).toMatchObject({ step: 'check-stability' })
      expect((await stand.kdr('recover', 'schema-registry', '--non-interactive')).code).toBe(4)
      expect(await stand.truth.uids()).toEqual(before)
      const ran = await recovered()
      expect(stepsOf(ran)[0]).toBe(`restart-registry[${down}]`)
      const reads = await end()
      expect(reads.failed).toBe(0)
      expect(reads.answered).toBeGreaterThan(50)
      const after = await stand.truth.uids()
      for (const [member, uid] of Object.entries(before)) if (uid !== null) expect(after[member], member).toBe(uid)
    })

    it('all stopped: exported as incomplete, recovered one after the other', async () => {
      await stand.breakIt('stop-registry')
      const part = path.join(folder, 'part.json')
      const ran = await stand.kdr('schemas', 'export', part)
      expect(ran.code, ran.err).toBe(20)
      expect((JSON.parse(readFileSync(part, 'utf8')) as SchemaManifest).missing.length).toBeGreaterThan(0)
      expect(stepsOf(await recovered()).filter((key) => key.startsWith('restart'))).toEqual(NAMES.map((member) => `restart-registry[${member}]`))
    })

    it('_schemas without a leader: a restart is refused and the Kafka repair named; after that it works again', async () => {
      await stand.breakIt('schemas-leaderless')
      await stand.breakIt('kill-registry')
      await until('nobody leads it', async () => (await stand.truth.rows()).some(({ topic, leader }) => topic === '_schemas' && leader < 0))
      await until('the Kafka repair is told', async () => (await refused(5)).includes('kdr recover single-broker'))
      const kafkaFirst = await stand.kdr('recover', 'single-broker', '--non-interactive', '--allow', 'restart,change,stop', '--confirm', stand.name)
      expect(kafkaFirst.code, kafkaFirst.out + kafkaFirst.err).toBe(0)
      await recovered()
    })

    it('two that advertise the same URL: diagnosed, and told what to set instead of being restarted', async () => {
      const file = stand.fileOf(NAMES[1], 'node.properties')
      const properties = readFileSync(file, 'utf8')
      await stand.stop(NAMES[1])
      writeFileSync(file, `${properties}advertised.port=${new URL(stand.urls[0] ?? '').port}\nkafkastore.init.timeout.ms=600000\n`)
      await stand.start(NAMES[1])
      await until('both are in the group', async () => (await stand.truth.kafka.describeGroup('schema-registry', soon())).members.length === 2)
      const diagnosis = JSON.parse((await stand.kdr('diagnose', '--output', 'json')).out) as { verdict: string }
      expect(diagnosis.verdict).toBe('schema-registry')
      expect(await refused(5)).toMatch(/advertises http.*host\.name/)
      writeFileSync(file, properties)
      for (const member of NAMES) await stand.stop(member)
      for (const member of NAMES) await stand.start(member)
      await stand.writable()
    })

    it('its topic lost: nothing is known of it without a manifest, and replayed with one', async () => {
      await stand.breakIt('lose-schemas')
      await stand.writable()
      for (const url of stand.urls) expect(await stand.served(url)).toEqual([])
      const ran = await recovered('--schemas', whole())
      expect(stepsOf(ran)).toEqual(expect.arrayContaining(['stop-registry[schema-registry1]', 'replay-schemas', 'start-registry[schema-registry2]']))
    })

    it('its topic lost, and kdr killed in the middle of the import: resumed, no id changed, back in READWRITE', async () => {
      await stand.breakIt('lose-schemas')
      await stand.writable()
      const args = ['recover', 'schema-registry', '--cluster', stand.name, '--non-interactive', '--allow', 'restart,change', '--schemas', plain()]
      const killed = await stand.here.kdr(args, { env: { KDR_KILL_REGISTER: '3' }, preload: PRELOAD })
      expect(killed.signal, killed.out + killed.err).toBe('SIGKILL')
      const half = await stand.served(stand.urls[0] ?? '')
      expect(half.length).toBe(3)
      expect(await stand.registry.mode(stand.urls[0] ?? '', null, soon())).toBe('IMPORT')
      const resumed = await stand.here.kdr(['runs', 'resume', '--non-interactive', '--allow', 'restart,change'])
      expect(resumed.code, resumed.out + resumed.err).toBe(0)
      await everywhere(ALL)
      for (const url of stand.urls) expect(await stand.registry.mode(url, null, soon())).toBe('READWRITE')
    })

    it('not empty: nothing is imported over what is there', async () => {
      await stand.breakIt('lose-schemas')
      await stand.writable()
      const foreign = { schema: '"string"' }
      const { body } = await ask(stand.urls[0]?.replace('http://', '') ?? '', 'POST', '/subjects/foreign/versions', foreign)
      expect(body).toEqual({ id: 1 })
      await everywhere(['foreign 1 1'])
      expect(await refused(5, '--schemas', plain())).toContain('42205')
      await expect(stand.registry.setMode(stand.urls[0] ?? '', null, 'IMPORT', soon())).rejects.toMatchObject({ code: 'registry-42205' })
      await everywhere(['foreign 1 1'])
      carried = await stand.records()
      expect(carried).toHaveLength(2)
    })

    it('in a fresh cluster: the old records decode, ids preserved', async () => {
      await takeDown(stand)
      stand = await standOf(await bringUp(`fresh-${kafka}`, kafka, ['--with', 'schema-registry']))
      await stand.writable()
      const { kafka: probe } = stand.truth
      for (const [index, { value }] of carried.entries())
        await probe.produce(ORDERS[index] ?? { topic: '__kdr_orders', partition: 0 }, [{ key: null, value }], soon())
      const records = await stand.records()
      expect(records.map(({ value }) => value?.toString('hex'))).toEqual(carried.map(({ value }) => value?.toString('hex')))
      const [url = ''] = stand.urls
      expect((await ask(url.replace('http://', ''), 'GET', '/schemas/ids/7')).status).toBe(404)
      const ran = await recovered('--schemas', plain())
      expect(stepsOf(ran)).toEqual(expect.arrayContaining(['enter-import', 'import-schemas', 'leave-import']))
      expect(await decode(url, records[0]?.value ?? null)).toMatchObject({ id: 'a1' })
      expect(await decode(url, records[1]?.value ?? null)).toMatchObject({ id: 'a1', note: '' })
      expect(allInSync(await stand.truth.rows())).toBe(true)
    })
  })
