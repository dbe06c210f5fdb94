// A simulated cluster with registries and something in them.
import type { Simulation, SimulationOptions } from '../../src/adapters/simulated/open.ts'
import { writeManifest } from '../../src/archive/schemas.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import type { ManifestFile } from '../../src/steps/registry/case.ts'
import { exportSchemas } from '../../src/survey/export-schemas.ts'
import { fillWithSchemas, inWords } from '../helpers/schemas.ts'
import { compose, open } from './stage.ts'

const never = new AbortController().signal
export const URLS = ['http://127.0.0.1:19081', 'http://127.0.0.1:19082'] as const
const [FIRST] = URLS

export const openWithSchemas = async (options: Partial<SimulationOptions> = {}): Promise<Simulation> => {
  const topics = [
    { name: '__kdr_orders', partitions: 3, configs: { 'min.insync.replicas': '2' } },
    { name: '__consumer_offsets', partitions: 5, configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'compact' } },
  ]
  const simulation = open({ registries: 2, topics, ...options })
  await fillWithSchemas(simulation.write.registry, simulation.write.probe, FIRST, never)
  return simulation
}

const PATH = '/simulated/schemas.json'

/** As `kdr schemas export` writes it; `raw: false` leaves the topic's records out. */
export const exported = async (simulation: Simulation, raw = true): Promise<{ readonly file: ManifestFile; readonly manifest: SchemaManifest }> => {
  const survey = await compose(simulation).deps.observe(['members', 'registry'], null, never)
  if (!survey.registry.known || survey.registry.value === null) throw new Error('there is no registry')
  const whole = await exportSchemas(simulation.ports, survey.registry.value, 'simulated', never)
  const manifest = raw ? whole : { ...whole, raw: null }
  const text = writeManifest(manifest)
  simulation.files.set(PATH, text)
  return { file: { path: PATH, sha256: await simulation.ports.files.digest(text) }, manifest }
}

/** Every version, as one instance serves it. */
export const served = async (simulation: Simulation, url: string): Promise<readonly string[]> => {
  const { readVersions } = await import('../../src/survey/schemas.ts')
  const versions = await readVersions(simulation.ports.registry, url, never)
  return inWords(versions)
}
