// The schema manifest as a file: read strictly, because what is restored from it decides how every record
// of the cluster decodes.
import * as v from 'valibot'
import { KdrError } from '../errors.ts'
import type { SchemaManifest, SchemaVersion } from '../model/schemas.ts'

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const Reference = v.strictObject({ name: v.string(), subject: v.string(), version: whole })
const Version = v.strictObject({
  subject: v.pipe(v.string(), v.nonEmpty()),
  version: v.pipe(whole, v.minValue(1)),
  id: whole,
  deleted: v.boolean(),
  type: v.string(),
  schema: v.string(),
  references: v.array(Reference),
})
const base64 = v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64')))
const Raw = v.strictObject({ topic: v.string(), records: v.array(v.strictObject({ offset: v.string(), key: base64, value: base64 })) })
const BySubject = v.record(v.string(), v.string())

const Manifest = v.strictObject({
  schema: v.literal('kdr/schemas/1'),
  clusterId: v.nullable(v.string()),
  takenAt: v.string(),
  registry: v.string(),
  versions: v.array(Version),
  configs: BySubject,
  modes: BySubject,
  raw: v.nullable(Raw),
  missing: v.array(v.string()),
})

const broken = (path: string, why: string): KdrError =>
  new KdrError(`${path} is no schema manifest: ${why}`, { code: 'bad-manifest', exit: 'corrupt', hint: 'kdr schemas export writes one' })

/** Throws `bad-manifest` (exit 21). */
export const parseManifest = (text: string, path: string): SchemaManifest => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw broken(path, 'it is not JSON')
  }
  const parsed = v.safeParse(Manifest, json)
  if (!parsed.success) throw broken(path, `${v.getDotPath(parsed.issues[0]) ?? 'the file'}: ${parsed.issues[0].message}`)
  const keys = parsed.output.versions.map(({ subject, version }) => JSON.stringify([subject, version]))
  if (new Set(keys).size < keys.length) throw broken(path, 'a version stands in it twice')
  return parsed.output
}

export const writeManifest = (manifest: SchemaManifest): string => `${JSON.stringify(manifest, null, 1)}\n`

const nameOf = ({ subject, version }: { readonly subject: string; readonly version: number }): string => JSON.stringify([subject, version])

/** Every version after those it refers to, else by subject and version. Throws `bad-manifest` where references go round in a circle or lead nowhere. */
export const importOrder = (versions: readonly SchemaVersion[], path: string): readonly SchemaVersion[] => {
  const byName = new Map(versions.map((version) => [nameOf(version), version]))
  const order: SchemaVersion[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (version: SchemaVersion): void => {
    const name = nameOf(version)
    if (state.get(name) === 'done') return
    if (state.get(name) === 'open') throw broken(path, `${version.subject} ${version.version} refers to itself`)
    state.set(name, 'open')
    for (const reference of version.references) {
      const found = byName.get(nameOf(reference))
      if (found === undefined)
        throw broken(path, `${version.subject} ${version.version} refers to ${reference.subject} ${reference.version}, which it does not have`)
      visit(found)
    }
    state.set(name, 'done')
    order.push(version)
  }
  const sorted = [...versions].sort((a, b) => (a.subject === b.subject ? a.version - b.version : a.subject < b.subject ? -1 : 1))
  for (const version of sorted) visit(version)
  return order
}
