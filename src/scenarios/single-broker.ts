// Runbook page 1: one broker is down, the others serve. Corrected as in Kafka's own terms: classify before
// restarting, never two at once, wait for the old registration, wait for the ISR, prove it with a record.
import { phase, type Scenario } from '../engine/step.ts'
import { awaitExpiry, startBroker, stopRemains } from '../steps/brokers.ts'
import { canaryRoundTrip } from '../steps/canary.ts'
import { checkStability, verifyRecovery } from '../steps/checks.ts'
import { captureEvidence, classifyStep } from '../steps/evidence.ts'
import { checkStatus } from '../steps/failed-broker.ts'
import { reconnectBroker } from '../steps/reconnect.ts'
import { awaitRejoin } from '../steps/rejoined.ts'
import { awaitIsr, electPreferred } from '../steps/replicas.ts'
import { minutes } from '../units.ts'
import type { Options } from './options.ts'

export const singleBroker: Scenario<Options> = {
  id: 'single-broker',
  title: 'Single broker failure',
  verdict: 'single-broker',
  symptoms: ['One Kafka broker is down', 'Under-replicated partitions alerts', 'Some topics may be unavailable'],
  objectives: { rto: minutes(10), rpoRecords: 0 },
  steps: (options) => {
    const failed = checkStatus(options)
    const from = { from: failed }
    const { thresholds, stability } = options
    const proof = { through: () => [failed.value().broker], before: failed.before, inDoubt: () => failed.value().inDoubt, thresholds }
    return [
      phase('look', 'Look before touching anything', failed.step, captureEvidence(from).step, classifyStep(from)),
      phase(
        'restore',
        'Bring the broker back',
        reconnectBroker(from),
        stopRemains(from),
        awaitExpiry(from),
        startBroker(from),
        awaitRejoin(from),
        awaitIsr(from),
        electPreferred({ of: () => failed.value().broker }),
      ),
      phase('verify', 'Verify', canaryRoundTrip(proof), verifyRecovery(proof), checkStability({ ...proof, interval: stability })),
    ]
  },
}
