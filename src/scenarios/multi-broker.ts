// Runbook page 2: the majority is lost. Corrected as in Kafka's own terms: survivors stay up, the dead come
// back in place in the order their partitions ask for, and nothing is elected that is not on record, unless
// everything on record has provably lost its disk and somebody types what that costs.
import { choose, phase, type Scenario } from '../engine/step.ts'
import { canaryRoundTrip } from '../steps/canary.ts'
import { checkStability, verifyRecovery } from '../steps/checks.ts'
import { lookAtDisks } from '../steps/multi/disks.ts'
import { demandLed, judgeLost } from '../steps/multi/judged.ts'
import { keptEnds, typedLoss } from '../steps/multi/kept.ts'
import { electEachLost } from '../steps/multi/lose.ts'
import { checkOrder, freeOrdinals, orderOrdinals } from '../steps/multi/ordinals.ts'
import { checkOutage } from '../steps/multi/outage.ts'
import { moveReplicas, planMoves, withoutGone } from '../steps/multi/reassign.ts'
import { awaitReplicas, demandRest, planStarts, reviveEach } from '../steps/multi/revive.ts'
import { takeSnapshot } from '../steps/multi/snapshot.ts'
import { layThrottle, liftThrottle } from '../steps/multi/throttle.ts'
import { lookForHanging } from '../steps/multi/transactions.ts'
import { disableUnclean } from '../steps/multi/unclean-off.ts'
import { electPreferred } from '../steps/replicas.ts'
import { minutes } from '../units.ts'
import type { Options } from './options.ts'

export const multiBroker: Scenario<Options> = {
  id: 'multi-broker',
  title: 'Multiple broker failure (majority lost)',
  verdict: 'multi-broker',
  symptoms: ['Multiple Kafka brokers down', 'Cluster becomes unavailable', 'Topics inaccessible'],
  objectives: { rto: minutes(60), rpoRecords: 0 },
  steps: ({ thresholds, stability, gone }) => {
    const outage = checkOutage({ gone })
    const snapshot = takeSnapshot(outage)
    const order = checkOrder(outage)
    const starts = planStarts(outage, 'plan-starts')
    const grounds = { snapshot, outage }
    const judged = judgeLost(grounds)
    const rest = planStarts(outage, 'plan-rest')
    const moves = planMoves(outage)
    const revived = reviveEach(outage, starts, 'revive')
    const others = reviveEach(outage, rest, 'rest')
    const inDoubt = () => [...(outage.taken()?.inDoubt ?? []), ...revived.uncleanSeen(), ...others.uncleanSeen()]
    const proof = {
      through: () => outage.value().dead.flatMap(({ broker }) => (gone.includes(broker) ? [] : [broker])),
      before: () => outage.before(),
      inDoubt,
      thresholds,
      also: keptEnds(snapshot, judged),
      alsoLooks: ['logs'] as const,
      scope: withoutGone(outage),
      lost: typedLoss(judged, inDoubt),
    }
    return [
      phase('look', 'Look before touching anything', lookAtDisks(), outage.step, snapshot.step, order.step),
      phase(
        'revive',
        'Bring the dead brokers back in place',
        freeOrdinals(order),
        disableUnclean(),
        starts.step,
        revived.each,
        awaitReplicas(outage, 'await-replicas'),
      ),
      phase('lost', 'Decide about what nobody can lead any more', judged.step, electEachLost(judged, grounds)),
      phase('rest', 'Bring back the others', rest.step, others.each, demandLed(judged, grounds), demandRest(outage, rest), awaitReplicas(outage, 'await-rest')),
      choose({
        id: 'replace',
        title: 'Will every broker come back?',
        pick: () =>
          gone.length === 0
            ? { branch: 'whole', because: 'every broker is to come back' }
            : { branch: 'moved', because: `broker ${gone.join(', ')} will not come back` },
        branches: [
          { id: 'whole', when: 'every broker is to come back', parts: [] },
          { id: 'moved', when: 'a broker will not come back (--gone)', parts: [moves.step, layThrottle(moves), moveReplicas(moves)] },
        ],
      }),
      phase('settle', 'Put everything back to normal', liftThrottle(moves), orderOrdinals(order), electPreferred({ of: () => null }), lookForHanging()),
      phase('verify', 'Verify', canaryRoundTrip(proof), verifyRecovery(proof), checkStability({ ...proof, interval: stability })),
    ]
  },
}
