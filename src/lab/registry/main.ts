// The lab's Schema Registry, as a process of its own: `node main.js -Dkdr.lab=ID schema-registry FILE`. A stand-in
// for Confluent's in disposable clusters: its topic, its group and its API are real, its schemas are Avro only, and
// nothing that matters should be kept in it.
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { Cluster } from '../../adapters/kafka/cluster.ts'
import type { LinkSettings } from '../../adapters/kafka/link.ts'
import { wordsOf } from '../../errors.ts'
import { routesOf } from './api.ts'
import { Election } from './election.ts'
import { Memory } from './memory.ts'
import { Registry } from './registry.ts'
import { type Leadership, serve } from './server.ts'
import { type Identity, type RegistrySettings, readSettings } from './settings.ts'
import { SchemasTopic } from './topic.ts'

/** As Java ends on SIGTERM. */
const TERMINATED = 143
const FAREWELL = 3000
const LINK: LinkSettings = {
  clientId: 'sr-1',
  tls: null,
  sasl: null,
  dial: (host, port) => connect({ host, port }).setNoDelay(true),
  requestTimeout: 5000,
}

const log = (line: string): void => {
  process.stderr.write(`[${new Date().toISOString().replace('T', ' ').replace('Z', '').replace('.', ',')}] ${line}\n`)
}

/** Throws when the group could not be joined in time. */
const firstAssignment = (election: Election, limit: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('Timed out waiting for join group to complete')), limit)
    const joined = () => {
      clearTimeout(late)
      resolve()
    }
    // Whoever is thrown out for good goes on answering reads; at the start the time-out ends it, as Confluent's.
    election.run(joined, signal).catch((thrown) => log(`ERROR Unexpected exception in schema registry group processing: ${wordsOf(thrown)}`))
  })

const listen = (server: Server, { host, port }: RegistrySettings['listen']): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })

/** Writes in turn; the first one of a new leader reads everybody's first. */
const leadershipOf = (settings: RegistrySettings, topic: SchemasTopic, leader: () => Identity | null, signal: AbortSignal): Leadership => {
  let last: Promise<unknown> = Promise.resolve()
  const isMe = ({ host, port }: Identity) => host === settings.identity.host && port === settings.identity.port
  return {
    leader,
    isMe,
    inTurn: (work) => {
      const mine = last.then(async () => {
        await topic.sync(settings.timeout, signal)
        return work()
      })
      last = mine.catch(() => {})
      return mine
    },
  }
}

const run = async (settings: RegistrySettings, stop: AbortController): Promise<void> => {
  const { signal } = stop
  const cluster = new Cluster(settings.bootstrap, LINK)
  const memory = new Memory()
  let leader: Identity | null = null
  const topic = new SchemasTopic({ cluster, settings, log, apply: (entry) => memory.apply(entry) })
  const onLeader = (next: Identity | null) => {
    if (next?.host !== leader?.host || next?.port !== leader?.port) log(`INFO Leader is ${next === null ? 'nobody' : `${next.host}:${next.port}`}`)
    leader = next
    topic.distrust()
  }
  const election = new Election({ cluster, link: LINK, settings, onLeader, log })
  const registry = new Registry(memory, (entry) => topic.put(entry, settings.timeout, signal))
  const server = serve(
    routesOf(memory, registry),
    leadershipOf(settings, topic, () => leader, signal),
    log,
  )
  process.once('SIGTERM', () => {
    log('INFO Shutting down')
    server.close()
    stop.abort()
    election
      .leave(AbortSignal.timeout(FAREWELL))
      .catch((thrown) => log(`WARN Leaving the group: ${wordsOf(thrown)}`))
      .finally(() => process.exit(TERMINATED))
  })
  await topic.ready(signal)
  topic.follow(signal)
  await topic.sync(settings.initTimeout, signal)
  await firstAssignment(election, settings.initTimeout, signal)
  await listen(server, settings.listen)
  log(`INFO Server started, listening for requests on http://${settings.listen.host}:${settings.listen.port}`)
}

try {
  log("INFO kdr's lab Schema Registry: a stand-in for Confluent's, for disposable clusters only")
  await run(readSettings(readFileSync(process.argv.at(-1) ?? '', 'utf8')), new AbortController())
} catch (thrown) {
  log(`FATAL Server died unexpectedly: ${wordsOf(thrown)}`)
  process.exit(1)
}
