// Which registry leads: a member of the group like Confluent's (leaderelector/kafka/KafkaGroupLeaderElector). The
// leader found last stands while the coordinator is away; while the group rebalances there is none.
import type { Cluster } from '../../adapters/kafka/cluster.ts'
import { pause } from '../../adapters/kafka/deadline.ts'
import { failOn } from '../../adapters/kafka/error-codes.ts'
import { Link, type LinkSettings } from '../../adapters/kafka/link.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import type { Millis } from '../../units.ts'
import {
  type Assignment,
  assign,
  DUPLICATE_URLS,
  decodeAssignment,
  decodeIdentity,
  encodeAssignment,
  encodeIdentity,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  SyncGroup,
} from './group.ts'
import type { Identity, RegistrySettings } from './settings.ts'

const SESSION: Millis = 10_000
const REBALANCE: Millis = 60_000
const HEARTBEAT: Millis = 3000
/** Whoever does not poll for so long leaves. */
const POLL_INTERVAL: Millis = 300_000
const RETRY: Millis = 500

const ILLEGAL_GENERATION = 22
const UNKNOWN_MEMBER = 25
const REBALANCING = 27

interface Parts {
  readonly cluster: Cluster
  readonly link: LinkSettings
  readonly settings: RegistrySettings
  /** Told of every change; null: nobody leads. */
  readonly onLeader: (leader: Identity | null) => void
  readonly log: (line: string) => void
}

interface Membership {
  readonly group: string
  readonly memberId: string
  readonly generation: number
}

export class Election {
  readonly #parts: Parts
  #link: Link | null = null
  #memberId = ''

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Takes part until the signal aborts. `joined` is called when the first assignment has come. Throws `duplicate-urls`: for good, as Confluent's. */
  async run(joined: () => void, signal: AbortSignal): Promise<void> {
    let said = ''
    while (!signal.aborted) {
      try {
        const membership = await this.#join(signal)
        joined()
        said = ''
        await this.#stay(membership, signal)
      } catch (thrown) {
        if (signal.aborted) return
        if (thrown instanceof KdrError && thrown.code === 'duplicate-urls') throw thrown
        const words = wordsOf(thrown)
        if (words !== said) this.#parts.log(`WARN Group ${this.#parts.settings.group}: ${words}`)
        said = words
        this.#link?.destroy(new KdrError('looking for the coordinator again', { code: 'rejoining' }))
        this.#link = null
        await pause(RETRY, signal).catch(() => {})
      }
    }
  }

  async #coordinator(signal: AbortSignal): Promise<Link> {
    const { cluster, link, settings } = this.#parts
    if (this.#link !== null && !this.#link.broken) return this.#link
    const { by } = await cluster.freshest([], signal)
    const { error, endpoint } = await cluster.ask(by, 'controller', FindCoordinator, { group: settings.group }, signal)
    failOn(`FindCoordinator of ${settings.group} from ${by}`, error)
    this.#link = new Link(endpoint, link)
    return this.#link
  }

  async #join(signal: AbortSignal): Promise<Membership> {
    const { settings } = this.#parts
    const { group, identity } = settings
    const link = await this.#coordinator(signal)
    if (this.#memberId !== '') this.#parts.onLeader(null)
    const question = { group, memberId: this.#memberId, session: SESSION, rebalance: REBALANCE, metadata: encodeIdentity(identity) }
    const joined = await link.ask(JoinGroup, question, signal, REBALANCE)
    if (joined.error === UNKNOWN_MEMBER) this.#memberId = ''
    failOn(`JoinGroup of ${group}`, joined.error)
    this.#memberId = joined.memberId
    const membership = { group, memberId: joined.memberId, generation: joined.generation }
    const members = joined.members.map(({ memberId, metadata }) => ({ memberId, identity: decodeIdentity(metadata) }))
    const assignment = encodeAssignment(assign(members))
    const assignments = joined.leader === joined.memberId ? members.map(({ memberId }) => ({ memberId, assignment })) : []
    const synced = await link.ask(SyncGroup, { ...membership, assignments }, signal, REBALANCE)
    if (synced.error === UNKNOWN_MEMBER) this.#memberId = ''
    failOn(`SyncGroup of ${group}`, synced.error)
    try {
      this.#assigned(decodeAssignment(synced.assignment))
    } catch (thrown) {
      this.#linger(membership, signal).catch(() => {})
      throw thrown
    }
    return membership
  }

  #assigned({ error, identity }: Assignment): void {
    if (error === DUPLICATE_URLS) {
      this.#parts.onLeader(null)
      throw new KdrError('The schema registry group contained multiple members advertising the same URL. Set host.name of each to its own.', {
        code: 'duplicate-urls',
      })
    }
    if (identity === null) this.#parts.log('ERROR No leader eligible schema registry instances joined the schema registry group')
    this.#parts.onLeader(identity)
  }

  /** Takes part in nothing any more, yet is missed only later: its heartbeats go on without it, as Confluent's (max.poll.interval.ms). */
  async #linger(membership: Membership, signal: AbortSignal): Promise<void> {
    for (let beats = 0; beats * HEARTBEAT < POLL_INTERVAL; beats += 1) {
      await pause(HEARTBEAT, signal)
      const error = await (await this.#coordinator(signal)).ask(Heartbeat, membership, signal)
      if (error === ILLEGAL_GENERATION || error === UNKNOWN_MEMBER) return
    }
    await this.leave(signal)
  }

  /** Resolves when the group has to be joined again. */
  async #stay(membership: Membership, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(HEARTBEAT, signal)
      const error = await (await this.#coordinator(signal)).ask(Heartbeat, membership, signal)
      if (error === REBALANCING) return
      if (error === ILLEGAL_GENERATION || error === UNKNOWN_MEMBER) {
        this.#memberId = ''
        this.#parts.onLeader(null)
        return
      }
      failOn(`Heartbeat to ${membership.group}`, error)
    }
  }

  /** So that the others need not wait for the session's end. */
  async leave(signal: AbortSignal): Promise<void> {
    if (this.#memberId === '') return
    const { group } = this.#parts.settings
    await (await this.#coordinator(signal)).ask(LeaveGroup, { group, memberId: this.#memberId }, signal)
  }

  close(): void {
    this.#link?.destroy(new KdrError('the registry stops', { code: 'closed' }))
  }
}
