// kill -9 of kdr at every journal line of a registry's recovery, in each of its branches.

import type { Fault } from '../../src/ports/faults.ts'
import { schemaRegistry } from '../../src/scenarios/schema-registry.ts'
import { ALL } from '../helpers/schemas.ts'
import { describeKills, type KillCase } from './killing.ts'
import { exported, openWithSchemas } from './schemas.ts'
import { violations } from './stage.ts'

const never = new AbortController().signal
/** Filled in by every world anew, and the same each time: the same seed wrote it. */
const schemas = { path: '', sha256: '' }

const broken = (faults: readonly Fault[], raw: boolean) => async () => {
  const simulation = await openWithSchemas()
  Object.assign(schemas, (await exported(simulation, raw)).file)
  for (const fault of faults) await simulation.faults.inject(fault, {}, never)
  return simulation
}

const oneCase = (name: string, fault: Fault | readonly Fault[], raw: boolean): KillCase => ({
  name,
  broken: broken([fault].flat(), raw),
  given: { scenario: schemaRegistry, schemas },
  // No record of a canary schema may be left either, and every version has its id.
  invariants: (simulation) => [
    ...violations(simulation),
    ...simulation.world.registries().flatMap((versions, at) => (versions.join() === ALL.join() ? [] : [`registry${at + 1} serves ${versions.join(', ')}`])),
  ],
})

describeKills([
  oneCase('one registry killed', 'kill-registry', true),
  oneCase('every registry stopped', 'stop-registry', true),
  oneCase('schemas lost, replayed', 'lose-schemas', true),
  oneCase('schemas lost and one registry down, replayed', ['lose-schemas', 'kill-registry'], true),
  oneCase('schemas lost, imported', 'lose-schemas', false),
])
