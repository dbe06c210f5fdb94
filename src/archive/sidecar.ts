// The sidecar manifest read strictly: it is the commit marker, so whatever is not one must never pass for a
// backup, and what it says of parts is checked before anything is read by it.
import * as v from 'valibot'
import { KdrError } from '../errors.ts'
import { FORMAT, type Sidecar } from './manifest.ts'

const SUFFIX = '.manifest.json'

export const sidecarName = (backup: string): string => `${backup}${SUFFIX}`
/** Name of the backup whose sidecar this would be; null when the name is no sidecar's. */
export const backupOf = (object: string): string | null => (object.endsWith(SUFFIX) && object.length > SUFFIX.length ? object.slice(0, -SUFFIX.length) : null)

const whole = v.pipe(v.number('expected a whole number'), v.safeInteger('expected a whole number'), v.minValue(0, 'expected no negative number'))
const hex = v.pipe(v.string('expected a SHA-256'), v.regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in lower-case hexadecimal'))
/** A file of the store itself: never a path, so that no sidecar can lead out of it. */
const fileName = v.pipe(v.string('expected a file name'), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'expected a plain file name'))
const moment = v.pipe(v.string('expected an RFC 3339 time'), v.isoTimestamp('expected an RFC 3339 time'))

const Shape = v.object({
  format: v.literal(FORMAT, `expected ${FORMAT}: a later kdr may have written it`),
  name: fileName,
  type: v.picklist(['full', 'incremental'], 'expected full or incremental'),
  status: v.picklist(['complete', 'incomplete'], 'expected complete or incomplete'),
  date: moment,
  cluster_id: v.nullable(v.string('expected the id of a cluster')),
  chain: v.object({ id: v.pipe(v.string(), v.nonEmpty()), sequence: whole, parent: v.nullable(v.object({ name: fileName, sha256: hex })) }),
  topics: whole,
  records: whole,
  bytes: whole,
  parts: v.pipe(v.array(v.object({ name: fileName, bytes: whole })), v.minLength(1, 'expected at least one part')),
  manifest: v.object({ offset: whole, length: whole, bytes: whole, sha256: hex }),
  max_timestamp: v.pipe(v.number('expected a timestamp'), v.safeInteger('expected a timestamp')),
  encrypted: v.boolean('expected true or false'),
})

/** What the shape alone cannot say; null when all of it agrees. */
const contradiction = ({ name, type, chain, parts, bytes, manifest }: Sidecar): string | null => {
  if ((type === 'full') !== (chain.parent === null) || (type === 'full') !== (chain.sequence === 0))
    return 'a full backup begins its chain and an incremental one has a parent'
  if (chain.parent?.name === name) return 'it is its own parent'
  if (parts.some((part) => !part.name.startsWith(`${name}.`))) return 'a part belongs to another backup'
  if (new Set(parts.map((part) => part.name)).size < parts.length) return 'a part stands in it twice'
  if (parts.reduce((sum, part) => sum + part.bytes, 0) !== bytes) return 'its parts do not add up to its bytes'
  if (manifest.offset + manifest.length > (parts.at(-1)?.bytes ?? 0)) return 'its manifest lies outside the last part'
  return null
}

const broken = (where: string, why: string): KdrError =>
  new KdrError(`${where} is no sidecar manifest: ${why}`, {
    code: 'archive-corrupt',
    exit: 'corrupt',
    hint: 'without it the archive is no backup; take the one before it, and make a new full backup',
  })

/** `where` names it in errors: store and object. Throws `archive-corrupt` (exit 21). */
export const parseSidecar = (text: string, where: string): Sidecar => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw broken(where, 'it is not JSON')
  }
  const parsed = v.safeParse(Shape, json)
  if (!parsed.success) throw broken(where, `${v.getDotPath(parsed.issues[0]) ?? 'the file'}: ${parsed.issues[0].message}`)
  const sidecar: Sidecar = parsed.output
  const why = contradiction(sidecar)
  if (why !== null) throw broken(where, why)
  return sidecar
}
