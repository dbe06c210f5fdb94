// kdr schemas export [file]: every subject, version and id of the Schema Registry, and the records behind
// them, into one file. Readable by its owner only; an older one is never overwritten by itself.
import fs from 'node:fs'
import { resolve } from 'node:path'
import { writeManifest } from '../../archive/schemas.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { SchemaManifest } from '../../model/schemas.ts'
import { seconds } from '../../units.ts'
import { openWorld, surveyOnce } from '../compose.ts'
import { type Invocation, optionFlag } from '../invocation.ts'
import { exists, writeWhole } from '../whole-file.ts'

/** For a registry of thousands of versions, through a tunnel. */
const PATIENCE = seconds(300)

const nameFor = (cluster: string, { takenAt }: SchemaManifest): string => `schemas-${cluster}-${takenAt.replaceAll(':', '').replace(/\.\d+/, '')}.json`

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption, args } = invocation
  const overwrite = optionFlag(invocation, 'overwrite')
  const [named] = args
  // Before minutes of reading, not after them.
  if (named !== undefined && !overwrite && fs.existsSync(resolve(named))) throw exists(resolve(named), undefined)
  const world = await openWorld(invocation, 'read')
  try {
    const survey = await surveyOnce(world, interruption.signal)
    if (!survey.registry.known)
      throw new KdrError(`the schema registry was not seen: ${survey.registry.why}`, { code: 'nothing-seen', exit: 'unknown', hint: 'kdr doctor' })
    const view = survey.registry.value
    if (view === null)
      throw new KdrError(`${world.name} has no schema registry that kdr knows of`, {
        code: 'no-registry',
        exit: 'usage',
        hint: `set clusters.${world.name}.schemaRegistry.urls`,
      })
    const { exportSchemas } = await import('../../survey/export-schemas.ts')
    const clusterId = survey.clusterId.known ? survey.clusterId.value : null
    const manifest = await exportSchemas(world.ports, view, clusterId, world.ports.clock.deadline(PATIENCE, interruption.signal))
    const path = resolve(named ?? nameFor(world.name, manifest))
    writeWhole(path, writeManifest(manifest), overwrite)
    const subjects = new Set(manifest.versions.map(({ subject }) => subject)).size
    const { versions, missing } = manifest
    if (terminal.format === 'json')
      terminal.json({
        schema: 'kdr/schemas-export/1',
        file: path,
        subjects,
        versions: versions.length,
        records: manifest.raw?.records.length ?? null,
        complete: missing.length === 0,
        missing,
      })
    else terminal.out(path)
    terminal.err(`${versions.length} versions of ${subjects} subjects${manifest.raw === null ? ', without the records of the topic' : ''}`)
    for (const what of missing) terminal.err(`incomplete: ${what}`)
    return missing.length === 0 ? 'ok' : 'backupIncomplete'
  } finally {
    await world.close()
  }
}
