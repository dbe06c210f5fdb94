// A registry's properties file, in Confluent's names as far as they go.
import { parseProperties } from '../../adapters/process/volume.ts'
import { KdrError } from '../../errors.ts'
import type { Millis } from '../../units.ts'

/** How others reach it: what it says of itself in the group. */
export interface Identity {
  readonly scheme: 'http'
  readonly host: string
  readonly port: number
  readonly eligible: boolean
}

export interface RegistrySettings {
  readonly listen: { readonly host: string; readonly port: number }
  readonly identity: Identity
  readonly bootstrap: readonly string[]
  readonly topic: string
  readonly replicationFactor: number
  readonly minInSync: number
  readonly group: string
  /** One write, until it has been read back. */
  readonly timeout: Millis
  /** Each part of the start: the topic, its end, the group. */
  readonly initTimeout: Millis
}

const invalid = (why: string): KdrError => new KdrError(why, { code: 'registry-settings', exit: 'usage' })

/** Throws `registry-settings`, exit usage. */
export const readSettings = (text: string): RegistrySettings => {
  const properties = parseProperties(text)
  const need = (key: string): string => {
    const value = properties.get(key)
    if (value) return value
    throw invalid(`${key} is not set`)
  }
  const number = (key: string, other: number): number => {
    const value = Number(properties.get(key) ?? other)
    if (Number.isInteger(value) && value > 0) return value
    throw invalid(`${key} is no number: ${properties.get(key)}`)
  }
  const listener = need('listeners')
  const [, host, port] = /^http:\/\/([^,/]+):(\d+)$/.exec(listener) ?? []
  if (host === undefined) throw invalid(`listeners must be one http://host:port, and is ${listener}`)
  return {
    listen: { host, port: Number(port) },
    // Confluent's advertises the listener's port. On one machine two cannot listen on the same one, and a lab must be able to have two with the same address.
    identity: {
      scheme: 'http',
      host: need('host.name'),
      port: number('advertised.port', Number(port)),
      eligible: properties.get('leader.eligibility') !== 'false',
    },
    bootstrap: need('kafkastore.bootstrap.servers')
      .split(',')
      .map((each) => each.trim().replace(/^[A-Z_]+:\/\//, '')),
    topic: properties.get('kafkastore.topic') ?? '_schemas',
    replicationFactor: number('kafkastore.topic.replication.factor', 3),
    minInSync: number('kafkastore.topic.min.insync.replicas', 2),
    group: properties.get('schema.registry.group.id') ?? 'schema-registry',
    timeout: number('kafkastore.timeout.ms', 5000),
    initTimeout: number('kafkastore.init.timeout.ms', 60_000),
  }
}
