// What a drill prepares where schemas are to be lost: something to lose (versions that refer to each other, a
// soft-deleted one, settings, records that carry their ids), and the manifest that an operator would have.
import { writeManifest } from '../archive/schemas.ts'
import type { RunDeps } from '../engine/interaction.ts'
import { KdrError } from '../errors.ts'
import { few } from '../judgement/evidence.ts'
import { isKnownTrue } from '../model/known.ts'
import type { RegistryView } from '../model/registry.ts'
import { isCanary, type SchemaManifest, type SchemaVersion } from '../model/schemas.ts'
import type { Survey } from '../model/survey.ts'
import type { Options } from '../scenarios/options.ts'
import { exportSchemas } from '../survey/export-schemas.ts'
import { type Millis, seconds } from '../units.ts'

export const DRILL_TOPIC = '__kdr_drill_orders'
const ORDERS = `${DRILL_TOPIC}-value`
/** A follower reads what the leader wrote a moment later, and only then are all of them the same. */
const PATIENCE: Millis = seconds(60)

const avro = (name: string, ...fields: readonly object[]): string => JSON.stringify({ type: 'record', name, fields })
const version = (subject: string, number: number, id: number, schema: string, more: Partial<SchemaVersion> = {}): SchemaVersion => ({
  subject,
  version: number,
  id,
  deleted: false,
  type: 'AVRO',
  schema,
  references: [],
  ...more,
})

const ORDER = [{ name: 'id', type: 'string' }] as const
const CUSTOMER = { name: 'DrillCustomer', subject: 'kdr-drill-customer', version: 1 }
/** In the order in which they can be registered. Ids with gaps: whoever numbers them anew is found out. */
const VERSIONS: readonly SchemaVersion[] = [
  version(ORDERS, 1, 107, avro('DrillOrder', ...ORDER)),
  version(ORDERS, 2, 109, avro('DrillOrder', ...ORDER, { name: 'note', type: 'string', default: '' })),
  version(CUSTOMER.subject, 1, 104, avro(CUSTOMER.name, { name: 'name', type: 'string' })),
  version('kdr-drill-basket', 1, 112, avro('DrillBasket', { name: 'of', type: CUSTOMER.name }), { references: [CUSTOMER] }),
  version('kdr-drill-retired', 1, 103, avro('DrillRetired', { name: 'x', type: 'int' }), { deleted: true }),
]

/** Confluent's framing of Avro's `{ id: "a1" }`, and of an empty note in the second version. */
const framed = (id: number, ...data: readonly number[]): Buffer => {
  const head = Buffer.alloc(5)
  head.writeInt32BE(id, 1)
  return Buffer.concat([head, Buffer.from(data)])
}

/** Only into a registry that holds nothing: a lab that was kept keeps what an earlier drill put there. */
const fill = async ({ ports, write: { registry } }: RunDeps<Options>, url: string, signal: AbortSignal): Promise<void> => {
  const there = await ports.registry.subjects(url, { deleted: true }, signal)
  if (there.some((subject) => !isCanary({ subject }))) return
  await registry.setMode(url, null, 'IMPORT', signal)
  for (const each of VERSIONS) await registry.importVersion(url, each, signal)
  for (const each of VERSIONS) if (each.deleted) await registry.deleteVersion(url, each.subject, each.version, signal)
  await registry.setConfig(url, CUSTOMER.subject, 'FULL', signal)
  await registry.setMode(url, null, 'READWRITE', signal)
}

const sendRecords = async ({ ports, write: { probe } }: RunDeps<Options>, healthy: Survey, signal: AbortSignal): Promise<void> => {
  const brokers = healthy.brokers.known ? healthy.brokers.value.map(({ id }) => id) : []
  const { partitions } = await ports.kafka.metadata(signal)
  if (partitions.topic(DRILL_TOPIC) !== undefined) return
  await probe.createTopic(DRILL_TOPIC, [brokers.slice(0, 3)], { 'min.insync.replicas': String(Math.min(2, brokers.length)) }, signal)
  const records = [framed(107, 4, 97, 49), framed(109, 4, 97, 50, 0)].map((value) => ({ key: null, value }))
  await probe.produce({ topic: DRILL_TOPIC, partition: 0 }, records, signal)
}

/** As `kdr schemas export` writes it, once every instance has everything. Throws `not-exported`. */
const exported = async ({ ports }: RunDeps<Options>, view: RegistryView, healthy: Survey, signal: AbortSignal): Promise<SchemaManifest> => {
  const clusterId = healthy.clusterId.known ? healthy.clusterId.value : null
  for (const end = ports.clock.monotonic() + PATIENCE; ; await ports.clock.sleep(seconds(0.5), signal)) {
    const manifest = await exportSchemas(ports, view, clusterId, signal)
    if (manifest.missing.length === 0) return manifest
    if (ports.clock.monotonic() > end) throw new KdrError(`the manifest stays incomplete: ${few(manifest.missing, 3)}`, { code: 'not-exported' })
  }
}

export interface Prepared<O> {
  /** The run that is to recover, with what was prepared for it. */
  readonly deps: RunDeps<O>
  clear(signal: AbortSignal): Promise<void>
}

/** `keep`: writes a file that the run can read, and says where. Throws `nothing-to-break`, exit usage. */
export const prepareSchemas =
  (deps: RunDeps<Options>, keep: (name: string, text: string) => string) =>
  async (healthy: Survey): Promise<Prepared<Options>> => {
    const { signal } = deps.interrupt
    const view = healthy.registry.known ? healthy.registry.value : null
    const url = view?.instances.find(({ reads }) => isKnownTrue(reads))?.url
    if (view === null || url === undefined) throw new KdrError('there is no schema registry to lose anything', { code: 'nothing-to-break', exit: 'usage' })
    await fill(deps, url, signal)
    await sendRecords(deps, healthy, signal)
    const text = writeManifest(await exported(deps, view, healthy, signal))
    const schemas = { path: keep('schemas.json', text), sha256: await deps.ports.files.digest(text) }
    return {
      deps: { ...deps, options: { ...deps.options, schemas } },
      clear: (inTime) => deps.write.probe.deleteTopic(DRILL_TOPIC, inTime),
    }
  }
