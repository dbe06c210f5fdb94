// A simulated cluster with registries and something in them: versions that refer to each other, a soft-deleted
// one, settings, and real records that carry their ids.
import type { Simulation, SimulationOptions } from '../../src/adapters/simulated/open.ts'
import { writeManifest } from '../../src/archive/schemas.ts'
import type { SchemaManifest } from '../../src/model/schemas.ts'
import type { SchemaText } from '../../src/ports/schema-registry.ts'
import type { ManifestFile } from '../../src/steps/registry/case.ts'
import { exportSchemas } from '../../src/survey/export-schemas.ts'
import { DEFAULT_REGISTRY } from '../../src/survey/registry.ts'
import { compose, open } from './stage.ts'

const never = new AbortController().signal
export const URLS = ['http://127.0.0.1:19081', 'http://127.0.0.1:19082'] as const
const [FIRST] = URLS

const avro = (name: string, ...fields: readonly object[]): SchemaText => ({
  type: 'AVRO',
  schema: JSON.stringify({ type: 'record', name, fields }),
  references: [],
})
const ORDER = avro('Order', { name: 'id', type: 'string' })
const ORDER_2 = avro('Order', { name: 'id', type: 'string' }, { name: 'note', type: 'string', default: '' })

/** Confluent's framing of Avro's `{ id: "a1" }` and, in the second version, an empty note. */
const framed = (id: number, ...data: readonly number[]): Buffer => {
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  return Buffer.concat([head, Buffer.from(data)])
}

export const openWithSchemas = async (options: Partial<SimulationOptions> = {}): Promise<Simulation> => {
  const topics = [
    { name: '__kdr_orders', partitions: 3, configs: { 'min.insync.replicas': '2' } },
    { name: '__consumer_offsets', partitions: 5, configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'compact' } },
  ]
  const simulation = open({ registries: 2, topics, ...options })
  // The producers of this world, not kdr: their subjects are registered as an application would.
  const { registry } = simulation.write
  await registry.setMode(FIRST, null, 'IMPORT', never)
  const put = (subject: string, version: number, id: number, text: SchemaText) =>
    registry.importVersion(FIRST, { subject, version, id, deleted: false, ...text }, never)
  await put('__kdr_orders-value', 1, 7, ORDER)
  await put('__kdr_orders-value', 2, 9, ORDER_2)
  await put('customer', 1, 4, avro('Customer', { name: 'name', type: 'string' }))
  await put('basket', 1, 12, { ...avro('Basket', { name: 'of', type: 'Customer' }), references: [{ name: 'Customer', subject: 'customer', version: 1 }] })
  await put('retired', 1, 3, avro('Retired', { name: 'x', type: 'int' }))
  await registry.deleteVersion(FIRST, 'retired', 1, never)
  await registry.setConfig(FIRST, 'customer', 'FULL', never)
  await registry.setMode(FIRST, null, 'READWRITE', never)
  const { probe } = simulation.write
  await probe.produce({ topic: '__kdr_orders', partition: 1 }, [{ key: null, value: framed(7, 4, 97, 49) }], never)
  await probe.produce({ topic: '__kdr_orders', partition: 2 }, [{ key: null, value: framed(9, 4, 97, 49, 0) }], never)
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
  return versions.map(({ subject, version, id, deleted }) => `${subject} ${version} ${id}${deleted ? ' deleted' : ''}`)
}

export const ALL = ['__kdr_orders-value 1 7', '__kdr_orders-value 2 9', 'basket 1 12', 'customer 1 4', 'retired 1 3 deleted']
export const TOPIC = DEFAULT_REGISTRY.topic
