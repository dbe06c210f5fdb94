// Runbook page 1: one broker is down, the others serve. Corrected as in Kafka's own terms: classify before
// restarting, never two at once, wait for the old registration, wait for the ISR, prove it with a record.
import { phase, type Scenario } from '../engine/step.ts'
import type { Thresholds } from '../judgement/health.ts'
import { awaitExpiry, startBroker, stopRemains } from '../steps/brokers.ts'
import { canaryRoundTrip } from '../steps/canary.ts'
import { checkStability, verifyRecovery } from '../steps/checks.ts'
import { captureEvidence, classifyStep } from '../steps/evidence.ts'
import { checkStatus, type SingleBrokerOptions } from '../steps/failed-broker.ts'
import { reconnectBroker } from '../steps/reconnect.ts'
import { awaitRejoin } from '../steps/rejoined.ts'
import { awaitIsr, electPreferred } from '../steps/replicas.ts'
import { type Millis, minutes } from '../units.ts'

export interface Options extends SingleBrokerOptions {
  readonly thresholds: Thresholds
  /** How long it must stay healthy after it was verified. */
  readonly stability: Millis
}

export const singleBroker: Scenario<Options> = {
  id: 'single-broker',
  title: 'Single broker failure',
  verdict: 'single-broker',
  symptoms: ['One Kafka broker is down', 'Under-replicated partitions alerts', 'Some topics may be unavailable'],
  objectives: { rto: minutes(10), rpoRecords: 0 },
  steps: (options) => {
    const failed = checkStatus(options)
    const from = { from: failed }
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
        electPreferred(from),
      ),
      phase(
        'verify',
        'Verify',
        canaryRoundTrip({ ...from, ...options }),
        verifyRecovery({ ...from, ...options }),
        checkStability({ ...from, ...options, interval: options.stability }),
      ),
    ]
  },
}
