// Runbook page 4: the ZooKeeper ensemble, or in KRaft clusters the controller quorum, is lost or has lost a member.
// Corrected: brokers are not stopped for it, unless a copy has to take the place of what every disk has lost; data comes
// before empty disks, and one empty disk at a time.
import { choose, forEach, type Part, phase, type Scenario } from '../engine/step.ts'
import { quorumChecks } from '../judgement/quorum.ts'
import { canaryRoundTrip } from '../steps/canary.ts'
import { checkStability, verifyRecovery } from '../steps/checks.ts'
import { awaitBrokers, checkClusterId, findMissing, restartMissing } from '../steps/quorum/brokers.ts'
import { compareEpochs, keepEpochs } from '../steps/quorum/epochs.ts'
import { captureQuorum, copyRunning, copySurvivors } from '../steps/quorum/evidence.ts'
import { checkQuorum, emptyOf, type From, survivorsOf } from '../steps/quorum/failed-quorum.ts'
import { handOver } from '../steps/quorum/hand-over.ts'
import { awaitQuorum, repairMember } from '../steps/quorum/members.ts'
import { awaitExpired, compareEnds, findBrokers, startInOrder, stopBrokers, stopEmptyMembers } from '../steps/quorum/outage.ts'
import { chosenFor, placeSnapshot } from '../steps/quorum/place.ts'
import { lookAtStopped, stopSets } from '../steps/quorum/sets.ts'
import { compareDisks, readSnapshot, type SnapshotFiles } from '../steps/quorum/snapshot.ts'
import { minutes } from '../units.ts'
import type { Options } from './options.ts'

const each = (id: string, title: string, { from }: From, which: typeof emptyOf, after: readonly Part[] = []): Part =>
  forEach({
    id,
    title,
    items: () => which(from.taken()).map((member) => ({ key: member, title: member, parts: [...repairMember({ from, member }), ...after] })),
  })

const repairAll = (id: string, from: From): readonly Part[] => [
  each(`${id}-with-data`, 'each member with its data: reconnect, stop what is frozen, start, wait', from, survivorsOf),
  each(`${id}-empty`, 'each member with an empty disk, one at a time: start, wait until it is in sync', from, emptyOf),
]

interface Epochs {
  readonly kept: ReturnType<typeof keepEpochs>
  readonly compared: ReturnType<typeof compareEpochs>
}

/** The others copy it from the one that has it. */
const othersOf =
  (from: From): typeof emptyOf =>
  (quorum) =>
    emptyOf(quorum).filter((member) => member !== chosenFor(from))
const firstOf =
  (from: From): typeof emptyOf =>
  (quorum) =>
    emptyOf(quorum).filter((member) => member === chosenFor(from))

const restore = (from: From, snapshot: SnapshotFiles | null, plan: ReturnType<typeof compareDisks>): readonly Part[] => {
  const found = findBrokers()
  return [
    readSnapshot(snapshot, from).step,
    found.step,
    compareDisks('compare-disks', snapshot, from).step,
    stopEmptyMembers(from),
    stopBrokers(found),
    stopSets(found),
    lookAtStopped(found),
    plan.step,
    placeSnapshot(from, snapshot, plan),
    each('restore-first', 'the member that has the snapshot: start it, wait', from, firstOf(from)),
    each('restore-others', 'each other member, exactly one at a time: start, wait until it is in sync', from, othersOf(from)),
  ]
}

const repair = (from: From, { kept, compared }: Epochs, snapshot: SnapshotFiles | null, plan: ReturnType<typeof compareDisks>): Part => {
  const survivor = copySurvivors(from)
  const running = copyRunning(survivor)
  return choose({
    id: 'case',
    title: 'Bring the quorum back, by what is left of it',
    pick: () => {
      const quorum = from.from.taken()
      if (quorum === null) return { unknown: 'the quorum was not seen' }
      if (snapshot === null) return { branch: quorum.case, because: quorum.because }
      const lost = quorum.case === '4c'
      return {
        branch: lost ? '4c-restore' : quorum.case,
        because: lost ? quorum.because : `${quorum.because}; the copy is not used: there is data to go on from`,
      }
    },
    branches: [
      { id: 'held', when: 'the quorum is held, and a member of it is down', parts: repairAll('held', from) },
      { id: '4a', when: 'ZooKeeper has lost its quorum, and a majority may have its data (4a)', parts: repairAll('4a', from) },
      {
        id: '4b',
        when: 'a majority of the ZooKeeper members is blank, and a survivor has its data (4b)',
        parts: [
          survivor.step,
          kept.step,
          each('4b-survivors', 'each survivor: reconnect, stop what is frozen, start, wait', from, survivorsOf),
          running,
          each('4b-empty', 'each empty member, exactly one at a time: start, wait until it is in sync', from, emptyOf, [compared.step]),
        ],
      },
      {
        id: '4c-restore',
        when: 'no ZooKeeper member has its data, and a copy was named with --snapshot (4c): the one case in which the brokers are stopped',
        parts: restore(from, snapshot, plan),
      },
      { id: '4c', when: 'no ZooKeeper member has its data, and there is no copy (4c)', parts: [handOver('hand-over-zookeeper', from)] },
      { id: 'kraft', when: 'the KRaft controller quorum is lost, and a majority of the controllers may have its log', parts: repairAll('kraft', from) },
      { id: 'kraft-lost', when: 'a majority of the KRaft controllers has lost its disk', parts: [handOver('hand-over-controllers', from)] },
    ],
  })
}

export const zookeeper: Scenario<Options> = {
  id: 'zookeeper',
  title: 'ZooKeeper ensemble or KRaft controller quorum failure',
  verdict: 'zookeeper',
  symptoms: [
    'ZooKeeper servers, or KRaft controllers, are down or do not serve',
    'Brokers still answer, but no leader is elected and no topic can be created',
    'A restarted broker does not come back',
  ],
  objectives: { rto: minutes(30), rpoRecords: 0 },
  steps: ({ thresholds, stability, snapshot }) => {
    const quorum = checkQuorum()
    const from = { from: quorum }
    const missing = findMissing(from)
    const kept = keepEpochs()
    const compared = compareEpochs(kept)
    // What a lone survivor brought back is known to be whole only once it was compared.
    const plan = compareDisks('compare-stopped', snapshot, from)
    const ends = compareEnds(plan)
    const inDoubt = () => {
      const which = quorum.value().case
      const taken = which === '4b' ? compared.taken() : which === '4c' ? ends.taken() : { inDoubt: [] }
      return taken?.inDoubt ?? ['every partition']
    }
    const proof = { through: () => quorum.value().brokers, before: () => null, inDoubt, thresholds, also: quorumChecks }
    return [
      phase('look', 'Look before touching anything', quorum.step, captureQuorum(from).step),
      phase('restore', 'Bring the quorum back; the brokers stay up', repair(from, { kept, compared }, snapshot, plan), awaitQuorum(from)),
      phase(
        'brokers',
        'See the brokers back',
        checkClusterId(from),
        awaitExpired(plan),
        startInOrder(plan),
        awaitBrokers(from),
        missing.step,
        restartMissing(missing),
        ends.step,
      ),
      phase('verify', 'Verify', canaryRoundTrip(proof), verifyRecovery(proof), checkStability({ ...proof, interval: stability })),
    ]
  },
}
