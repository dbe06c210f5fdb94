// What a backup may see and a restore may do on brokers with an authorizer: everything for a super user; for a
// principal that may little, what it may not see is unknown and never empty.
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openProcess } from '../../src/adapters/process/open-process.ts'
import { readState } from '../../src/adapters/process/state-file.ts'
import { wordsOf } from '../../src/errors.ts'
import { findLab } from '../../src/lab/labs.ts'
import type { AclBinding } from '../../src/model/contents.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { codeOf, seen } from '../contract/subject.ts'
import { type RealLab, realLab } from '../lab/real-lab.ts'
import { stand, until } from './harness.ts'

const LIMITED = { username: 'limited', password: 'limited-s3cret' }
const soon = (length = 30_000) => AbortSignal.timeout(length)
type Opened = ReturnType<typeof openKafka>

const freePorts = (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  const portOf = (server: (typeof servers)[number]) =>
    new Promise<number>((resolve) => {
      server.once('listening', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
      })
    })
  return Promise.all(servers.map(portOf))
}

/** Everybody on the plain listener is a super user, brokers and controllers themselves too; whoever logs in on the other is not. */
const settings = (authorizer: string): string => `
authorizer.class.name=${authorizer}
super.users=User:ANONYMOUS
`

const login = `
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${LIMITED.username}="${LIMITED.password}";
`

const AUTHORIZERS: Readonly<Record<LabVersion, string>> = {
  '3.5': 'kafka.security.authorizer.AclAuthorizer',
  '3.9': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  '4': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
}

const secure = (file: string, kafka: LabVersion, broker: boolean, port: number): void => {
  appendFileSync(file, settings(AUTHORIZERS[kafka]))
  if (!broker) return
  const second = `SASL_PLAINTEXT://127.0.0.1:${port}`
  const listening = readFileSync(file, 'utf8')
    .replace(/^(listeners|advertised\.listeners)=(.*)$/gm, `$1=$2,${second}`)
    .replace('=PLAINTEXT:PLAINTEXT,', '=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,')
  writeFileSync(file, listening + login)
}

/** A lab started again with an authorizer. Returns where principals log in. */
const withAuthorizer = async (lab: RealLab, kafka: LabVersion): Promise<readonly string[]> => {
  const platform = openProcess(lab.stateFile)
  const { nodes } = readState(lab.stateFile)
  const brokers = nodes.filter(({ roles }) => roles.includes('broker'))
  const controllers = nodes.filter(({ roles }) => roles.join() === 'controller')
  for (const some of [brokers, controllers]) {
    const members = await platform.members(soon())
    const uidOf = (name: string) => seen(members.find((member) => member.name === name)?.uid ?? { known: false, why: `no ${name}` }) ?? ''
    await Promise.all(some.map(({ name }) => platform.stop({ name, uid: uidOf(name) }, { grace: 20_000 }, soon(60_000))))
  }
  const ports = await freePorts(brokers.length)
  for (const [at, { file }] of brokers.entries()) secure(file, kafka, true, ports[at] as number)
  for (const { file } of controllers) secure(file, kafka, false, 0)
  for (const some of [controllers, brokers]) await Promise.all(some.map(({ name }) => platform.start({ name, uid: null }, soon(120_000))))
  await platform.close()
  return ports.map((port) => `127.0.0.1:${port}`)
}

const acl = (principal: string, resourceType: string, resourceName: string, operation: string, more: Partial<AclBinding> = {}): AclBinding => ({
  resourceType,
  resourceName,
  patternType: 'LITERAL',
  principal: `User:${principal}`,
  host: '*',
  operation,
  permission: 'ALLOW',
  ...more,
})

const ACLS: readonly AclBinding[] = [
  acl('limited', 'TOPIC', 'open', 'READ'),
  acl('limited', 'GROUP', 'open-', 'READ', { patternType: 'PREFIXED' }),
  acl('writer', 'TOPIC', 'open', 'WRITE', { host: '10.1.2.3' }),
  acl('writer', 'TRANSACTIONAL_ID', '*', 'ALL'),
  acl('mallory', 'CLUSTER', 'kafka-cluster', 'ALTER', { permission: 'DENY' }),
]

const words = (acls: readonly AclBinding[]) => acls.map((each) => JSON.stringify(Object.entries(each).sort())).sort()

export const rightsSuite = (kafka: LabVersion): void => {
  describe(`Kafka ${kafka} with an authorizer`, () => {
    let lab: RealLab
    let all: Opened
    let limited: Opened
    let secured: readonly string[]
    const open = (bootstrap: readonly string[], sasl: { mechanism: 'plain'; username: string; password: string } | null) => {
      const { dial } = openProcess(lab.stateFile)
      return openKafka({ bootstrap, clientId: 'kdr-test', tls: null, sasl, dial, requestTimeout: 5000 })
    }
    beforeAll(async () => {
      lab = await realLab(kafka, { name: `rights-${kafka}` })
      secured = await withAuthorizer(lab, kafka)
      all = open(findLab(lab.name, lab.home)?.bootstrap ?? [], null)
      limited = open(secured, { mechanism: 'plain', ...LIMITED })
      await until('three brokers answer', async () => (await all.topics([], soon())).brokers.length === 3)
      const topic = { partitions: 1, replicationFactor: 3, configs: {} }
      const refused = await all.createTopics(
        ['open', 'hidden'].map((name) => ({ name, ...topic })),
        soon(90_000),
      )
      expect([...refused]).toEqual([])
    })
    afterAll(async () => {
      await all?.close()
      await limited?.close()
      await lab?.down()
    })

    it('creates ACLs of every kind, and reads them back, again and again the same', async () => {
      expect(seen(await all.acls(soon()))).toEqual([])
      await all.createAcls(ACLS, soon())
      await all.createAcls(ACLS.slice(0, 2), soon())
      await until('the ACLs are read back', async () => words(seen(await all.acls(soon()))).join() === words(ACLS).join())
      expect(await codeOf(all.createAcls([acl('x', 'TOPIC', 'open', 'LEVITATE')], soon()))).toBe('acl-not-readable')
    })

    it('reads SCRAM users, without their secrets', async () => {
      const at = findLab(lab.name, lab.home)?.bootstrap[0] ?? ''
      const add = 'SCRAM-SHA-512=[iterations=8192,password=alice-s3cret]'
      const args = ['--bootstrap-server', at, '--alter', '--entity-type', 'users', '--entity-name', 'alice', '--add-config', add]
      const ran = spawnSync(join(readState(lab.stateFile).tools, 'kafka-configs'), args, { encoding: 'utf8' })
      expect(ran.status, ran.stderr).toBe(0)
      await until('the user is there', async () => seen(await all.scramUsers(soon())).length > 0)
      expect(seen(await all.scramUsers(soon()))).toEqual([{ user: 'alice', mechanisms: [{ mechanism: 'SCRAM-SHA-512', iterations: 8192 }] }])
    })

    it('commits for no group that somebody is in', async () => {
      const { Kafka, logLevel } = (await import('kafkajs')).default
      const client = new Kafka({ brokers: [...(findLab(lab.name, lab.home)?.bootstrap ?? [])], logLevel: logLevel.NOTHING })
      const consumer = client.consumer({ groupId: 'open-busy' })
      await consumer.connect()
      await consumer.subscribe({ topic: 'open' })
      const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
      await consumer.run({ eachMessage: async () => {} })
      await joined
      const row = { topic: 'open', partition: 0, offset: 0n, leaderEpoch: -1, metadata: null }
      expect(await codeOf(all.commitOffsets('open-busy', [row], soon()))).toBe('kafka-unknown-member-id')
      expect(await all.groupOffsets(['open-busy'], soon())).toMatchObject([{ state: 'Stable', protocolType: 'consumer', offsets: [] }])
      await consumer.disconnect()
      await all.commitOffsets('open-busy', [row], soon(60_000))
      await all.commitOffsets('closed', [row], soon())
      expect((await all.groupOffsets(null, soon())).map(({ group, offsets }) => `${group} ${offsets.length}`)).toEqual(['closed 1', 'open-busy 1'])
    })

    it('says of everything a principal may not see that it is unknown', async () => {
      await until('the ACLs are everywhere', async () => (await limited.topics(['open'], soon())).topics.length === 1)
      for (const answer of [await limited.acls(soon()), await limited.quotas(soon()), await limited.scramUsers(soon())]) {
        expect(answer).toMatchObject({ known: false, why: expect.stringContaining('CLUSTER_AUTHORIZATION_FAILED') })
      }
      const seeing = await limited.topics(null, soon())
      expect([seeing.topics.map(({ name }) => name), seeing.complete.known]).toEqual([['open'], false])
      expect((await limited.topics(['hidden'], soon())).missing).toEqual([{ topic: 'hidden', error: 'TOPIC_AUTHORIZATION_FAILED' }])
      const overrides = await limited.topicOverrides(['open'], soon())
      expect(overrides.get('open')).toMatchObject({ known: false, why: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') })
    })

    it('reads no groups as long as some may be hidden, but those that are named and open', async () => {
      expect(await codeOf(limited.groupOffsets(null, soon()))).toBe('groups-incomplete')
      expect(await limited.groupOffsets(['open-busy'], soon())).toMatchObject([{ group: 'open-busy', offsets: [{ offset: 0n }] }])
      expect(await codeOf(limited.groupOffsets(['closed'], soon()))).toBe('groups-incomplete')
      const whyNot = async () => limited.groupOffsets(null, soon()).then(String, wordsOf)
      expect(await whyNot()).toContain('may not describe __consumer_offsets')
      await all.createAcls([acl('limited', 'TOPIC', '__consumer_offsets', 'DESCRIBE')], soon())
      await until('it may describe the topic', async () => (await whyNot()).includes('may not describe the cluster'))
      await all.createAcls([acl('limited', 'CLUSTER', 'kafka-cluster', 'DESCRIBE')], soon())
      await until('it may describe the cluster', async () => /offsets of group closed .*GROUP_AUTHORIZATION_FAILED/.test(await whyNot()))
    })

    it('is refused by name what it may not do', async () => {
      const refused = await limited.createTopics([{ name: 'mine', partitions: 1, replicationFactor: 1, configs: {} }], soon())
      expect(refused.get('mine')).toMatch(/^(TOPIC|CLUSTER)_AUTHORIZATION_FAILED/)
      expect(await codeOf(limited.deleteTopics(['open'], soon()))).toBe('kafka-topic-authorization-failed')
      expect(await codeOf(limited.deleteRecords([{ topic: 'open', partition: 0, before: 0n }], soon()))).toBe('kafka-topic-authorization-failed')
      expect(await codeOf(limited.createAcls(ACLS.slice(0, 1), soon()))).toBe('kafka-cluster-authorization-failed')
      const quota = { entity: [{ type: 'user', name: 'limited' }], values: { producer_byte_rate: 1 } }
      expect(await codeOf(limited.alterQuotas([quota], soon()))).toBe('kafka-cluster-authorization-failed')
      const row = { topic: 'open', partition: 0, offset: 0n, leaderEpoch: -1, metadata: null }
      expect(await codeOf(limited.commitOffsets('closed', [row], soon()))).toBe('kafka-group-authorization-failed')
    })

    it('says beforehand what a principal may do, whether or not it is there', async () => {
      const { principal, cluster, topics, groups } = await limited.permits(['open', 'hidden', 'nowhere'], ['open-busy', 'open-new', 'closed'], soon())
      expect([principal, [...seen(cluster)]]).toEqual(['User:limited', ['DESCRIBE']])
      const said = [...topics, ...groups].map(([name, known]) => [name, [...seen(known)]])
      const read = ['READ', 'DESCRIBE']
      expect(said).toEqual([
        ['open', read],
        ['hidden', []],
        ['nowhere', []],
        ['open-busy', read],
        ['open-new', read],
        ['closed', []],
      ])
      const could = await limited.judgeTopics([{ name: 'nowhere', partitions: 1, replicationFactor: 1, configs: {} }], soon())
      expect(could.get('nowhere')).toMatch(/^(TOPIC|CLUSTER)_AUTHORIZATION_FAILED/)
      const all_ = await all.permits(['nowhere'], [], soon())
      expect([seen(all_.cluster).has('ALTER'), seen(all_.topics.get('nowhere') ?? { known: false, why: 'not said' }).has('DELETE')]).toEqual([true, true])
    })

    it('creates what denies before what allows: where that fails, nobody may meanwhile do what was forbidden', async () => {
      const deny = acl('late', 'TOPIC', 'open', 'READ', { permission: 'DENY' })
      // No cluster has this name: the broker refuses the binding.
      const refused = acl('late', 'CLUSTER', 'no-such-cluster', 'ALTER')
      expect(await codeOf(all.createAcls([refused, acl('late', 'TOPIC', '*', 'READ'), deny], soon()))).toBe('kafka-invalid-request')
      await until('the denial is there', async () => words(seen(await all.acls(soon()))).includes(words([deny])[0] ?? ''))
    })

    describe('a restore', () => {
      const here = stand()
      const run = (cluster: string, ...args: readonly string[]) =>
        here.kdr(['backup', ...args, '--config', join(here.home, 'kdr.yaml'), '--cluster', cluster, '--store', join(here.home, 'store'), '--output', 'json'])
      const restore = () => run('limited', 'restore', 'latest', 'all', '--topic-prefix', 'dr.', '--non-interactive', '--allow', 'change')
      afterAll(() => here.clear())

      it('is refused before anything is created, naming what would be refused, and works once the commands it prints were run', async () => {
        writeFileSync(join(here.home, 'password'), LIMITED.password)
        const login = `sasl: { mechanism: plain, username: limited, password: { file: "${join(here.home, 'password')}" } }`
        const cluster = (bootstrap: readonly string[], more = ''): string =>
          `{ platform: { process: { state: "${lab.stateFile}" } }, kafka: { bootstrap: [${bootstrap.map((at) => `'${at}'`).join()}]${more} } }`
        const clusters = `  super: ${cluster(findLab(lab.name, lab.home)?.bootstrap ?? [])}\n  limited: ${cluster(secured, `, ${login}`)}\n`
        writeFileSync(join(here.home, 'kdr.yaml'), `clusters:\n${clusters}`)
        await all.createTopics([{ name: 'kept', partitions: 1, replicationFactor: 3, configs: { 'retention.ms': '-1' } }], soon(60_000))
        await all.append({ topic: 'kept', partition: 0 }, [{ key: null, value: Buffer.from('kept') }], soon())
        await all.commitOffsets('kept-group', [{ topic: 'kept', partition: 0, offset: 1n, leaderEpoch: -1, metadata: null }], soon(60_000))
        const made = await run('super', 'create', '--topic', 'kept')
        expect(made.code, made.out + made.err).toBe(0)
        await all.createAcls([acl('limited', 'GROUP', '*', 'DESCRIBE')], soon())

        const refused = await restore()
        expect(refused.code, refused.out + refused.err).toBe(5)
        const { why, hint } = JSON.parse(refused.out)
        expect(why).toContain('kdr (User:limited) may not do what this restore needs')
        expect(why).toMatch(/AlterConfigs, Create, Describe, DescribeConfigs, Read, Write on topic dr\.kept; Read on group kept-group/)
        expect((await all.topics(['dr.kept'], soon())).topics).toEqual([])
        for (const command of hint.split('\n').slice(1)) {
          const ran = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
          expect(ran.status, `${command}: ${ran.stderr}`).toBe(0)
        }
        await until('the rights are everywhere', async () =>
          [...(await limited.permits(['dr.kept'], [], soon())).topics.values()].every((one) => seen(one).has('WRITE')),
        )
        const done = await restore()
        expect(done.code, done.out + done.err).toBe(0)
        expect(JSON.parse(done.out)).toMatchObject({ records: 1, groups: 1, status: 'complete' })
      })
    })
  })
}
