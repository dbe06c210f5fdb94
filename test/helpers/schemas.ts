// What a registry is filled with wherever tests lose it: versions that refer to each other, a soft-deleted one,
// settings, and real records that carry their ids.
import type { SchemaVersion } from '../../src/model/schemas.ts'
import type { KafkaProbe } from '../../src/ports/kafka.ts'
import type { SchemaRegistryWriter, SchemaText } from '../../src/ports/schema-registry.ts'

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

/** Into an empty registry, as an application would have registered them; and two records of `__kdr_orders`. */
export const fillWithSchemas = async (registry: SchemaRegistryWriter, probe: KafkaProbe, url: string, signal: AbortSignal): Promise<void> => {
  const put = (subject: string, version: number, id: number, text: SchemaText) =>
    registry.importVersion(url, { subject, version, id, deleted: false, ...text }, signal)
  await registry.setMode(url, null, 'IMPORT', signal)
  await put('__kdr_orders-value', 1, 7, ORDER)
  await put('__kdr_orders-value', 2, 9, ORDER_2)
  await put('customer', 1, 4, avro('Customer', { name: 'name', type: 'string' }))
  await put('basket', 1, 12, { ...avro('Basket', { name: 'of', type: 'Customer' }), references: [{ name: 'Customer', subject: 'customer', version: 1 }] })
  await put('retired', 1, 3, avro('Retired', { name: 'x', type: 'int' }))
  await registry.deleteVersion(url, 'retired', 1, signal)
  await registry.setConfig(url, 'customer', 'FULL', signal)
  await registry.setMode(url, null, 'READWRITE', signal)
  await probe.produce({ topic: '__kdr_orders', partition: 1 }, [{ key: null, value: framed(7, 4, 97, 49) }], signal)
  await probe.produce({ topic: '__kdr_orders', partition: 2 }, [{ key: null, value: framed(9, 4, 97, 49, 0) }], signal)
}

/** What it holds then, in words. */
export const ALL = ['__kdr_orders-value 1 7', '__kdr_orders-value 2 9', 'basket 1 12', 'customer 1 4', 'retired 1 3 deleted']

export const inWords = (versions: readonly SchemaVersion[]): readonly string[] =>
  versions.map(({ subject, version, id, deleted }) => `${subject} ${version} ${id}${deleted ? ' deleted' : ''}`)
