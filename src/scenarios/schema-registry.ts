// Runbook page 5: the Schema Registry fails. Corrected as in its own source: what it depends on comes first,
// a restart only where it helps, and nothing is registered anew: old records carry old ids.
import { phase, type Scenario } from '../engine/step.ts'
import { checkRegistryHealth } from '../judgement/registry-health.ts'
import type { Survey } from '../model/survey.ts'
import { canaryRoundTrip } from '../steps/canary.ts'
import { checkStability, verifyRecovery } from '../steps/checks.ts'
import { checkRegistry } from '../steps/registry/case.ts'
import { checkDependencies, checkUrls } from '../steps/registry/dependencies.ts'
import { captureRegistry } from '../steps/registry/evidence.ts'
import { importParts, leaveImport } from '../steps/registry/import.ts'
import { proveLoss, restoreLost } from '../steps/registry/loss.ts'
import { probeRegistry } from '../steps/registry/probe.ts'
import { replay } from '../steps/registry/replay.ts'
import { awaitRegistry, rollingRestart } from '../steps/registry/restart.ts'
import { minutes } from '../units.ts'
import type { Options } from './options.ts'

export const schemaRegistry: Scenario<Options> = {
  id: 'schema-registry',
  title: 'Schema Registry failure',
  verdict: 'schema-registry',
  symptoms: ['Schema Registry unavailable', 'Avro serialization or deserialization failures', 'Applications unable to process events'],
  objectives: { rto: minutes(20), rpoRecords: 0 },
  aspects: ['schemas'],
  steps: (options) => {
    const from = checkRegistry(options)
    const loss = proveLoss(from)
    const { thresholds, stability } = options
    const proof = {
      through: () => [],
      before: from.before,
      inDoubt: () => [],
      thresholds,
      also: (now: Survey) => checkRegistryHealth(now, from.value().expected),
      alsoLooks: ['registry', 'schemas'] as const,
    }
    return [
      phase('look', 'Look before touching anything', from.step, captureRegistry(from).step, checkDependencies(), checkUrls(), loss.step),
      phase(
        'restore',
        'Bring the registry back',
        restoreLost(loss, {
          none: [rollingRestart('restart-registry', from)],
          replay: replay(from),
          import: [rollingRestart('restart-for-import', from), awaitRegistry('await-for-import'), ...importParts(from)],
        }),
        awaitRegistry('await-registry'),
        leaveImport(from, loss),
      ),
      phase('verify', 'Verify', probeRegistry(), canaryRoundTrip(proof), verifyRecovery(proof), checkStability({ ...proof, interval: stability })),
    ]
  },
}
