// Everything a registry holds, as a manifest: from an instance that answers, checked against the topic. What
// could not be read is named in it: a manifest with gaps never passes for whole.
import { wordsOf } from '../errors.ts'
import type { RegistryView } from '../model/registry.ts'
import { isCanary, type SchemaManifest, type SchemaSet, schemaIdentity, schemaName } from '../model/schemas.ts'
import type { ReadPorts } from '../ports/world.ts'
import { formatInstant } from '../units.ts'
import { extentOf, foldRecords, rawOf, readSettings, readTopic, readVersions } from './schemas.ts'

const NOTHING: SchemaSet = { versions: [], configs: {}, modes: {} }

/** Both sides once more compared: a version in the one and not in the other says that something was missed. */
const differences = (view: RegistryView, served: SchemaSet, stored: SchemaSet): readonly string[] => {
  const [here, there] = [served, stored].map(({ versions }) => new Set(versions.map(schemaIdentity)))
  return [
    ...served.versions.filter((version) => there?.has(schemaIdentity(version)) !== true).map((version) => `${schemaName(version)} is not in ${view.topic}`),
    ...stored.versions.filter((version) => here?.has(schemaIdentity(version)) !== true).map((version) => `${schemaName(version)} is not served`),
  ]
}

const readServed = async ({ registry }: ReadPorts, url: string, signal: AbortSignal): Promise<SchemaSet> => {
  const versions = await readVersions(registry, url, signal)
  return { versions, ...(await readSettings(registry, url, [...new Set(versions.map(({ subject }) => subject))], signal)) }
}

/** Asks one instance after the other until one answers in full. Throws only the signal's reason. */
export const exportSchemas = async (ports: ReadPorts, view: RegistryView, clusterId: string | null, signal: AbortSignal): Promise<SchemaManifest> => {
  const missing: string[] = []
  let served: SchemaSet | null = null
  let registry = 'none answered'
  for (const { url } of view.instances) {
    try {
      served = await readServed(ports, url, signal)
      registry = url
      break
    } catch (thrown) {
      signal.throwIfAborted()
      missing.push(`${url}: ${wordsOf(thrown)}`)
    }
  }
  // Another instance made up for those that did not answer.
  if (served !== null) missing.length = 0
  let raw: SchemaManifest['raw'] = null
  let stored: SchemaSet | null = null
  try {
    const at = { topic: view.topic, partition: 0 }
    const records = await readTopic(ports.kafka, at, await extentOf(ports.kafka, at, signal), signal)
    stored = foldRecords(records)
    raw = { topic: view.topic, records: records.filter((record) => !ofCanary(record.key)).map(rawOf) }
  } catch (thrown) {
    signal.throwIfAborted()
    missing.push(`records of ${view.topic}: ${wordsOf(thrown)}`)
  }
  const apart = served !== null && stored !== null ? differences(view, served, stored) : []
  missing.push(...apart)
  // A topic that lacks what is served must not be replayed; with nobody left to serve anything it is all there is.
  if (apart.length > 0) raw = null
  return { schema: 'kdr/schemas/1', clusterId, takenAt: formatInstant(ports.clock.now()), registry, ...(served ?? stored ?? NOTHING), raw, missing }
}

/** Records about kdr's own canary subjects. */
const ofCanary = (key: Buffer | null): boolean => {
  const parsed = JSON.parse(key?.toString('utf8') ?? '{}') as { subject?: unknown }
  return typeof parsed.subject === 'string' && isCanary({ subject: parsed.subject })
}
