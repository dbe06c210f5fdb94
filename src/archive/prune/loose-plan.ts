// What becomes of an archive without a sidecar, and of the chain that it is of. Only what nobody finished and nothing
// stands on may go.
import type { Instant } from '../../units.ts'
import type { LooseArchive } from '../loose.ts'
import type { Sidecar } from '../manifest.ts'
import type { Holdings } from './holdings.ts'

export interface LoosePlan {
  /** Of its first file. */
  readonly name: string
  /** Its files, in their order. */
  readonly objects: readonly string[]
  readonly bytes: number
  readonly action: 'keep' | 'delete'
  readonly why: string
}

/** The longest backup takes less; then it was killed, or its writer is on a machine that nobody hears of any more. */
const UNFINISHED_AGE = 86_400_000

/** `parents`: by backup, one that goes on from it. */
export const loosePlan = ({ name, parts, kind }: LooseArchive, parents: ReadonlyMap<string, string>, now: Instant): LoosePlan => {
  const plan = { name: parts[0]?.name ?? name, objects: parts.map((part) => part.name), bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) }
  const child = parents.get(name)
  const keep = (why: string): LoosePlan => ({ ...plan, action: 'keep', why: child === undefined ? why : `${child} goes on from it; ${why}` })
  if (kind === 'foreign') return keep('kdr did not write it')
  if (kind === 'whole') return keep(`whole, but its sidecar is gone; kdr backup verify ${name} --relist writes it again, after which the rules count it`)
  if (kind === 'unclear') return keep('it has no sidecar, and does not end as kdr ends an archive: it was cut off or damaged')
  if (child !== undefined) return keep('it has no sidecar, and its end is gone')
  if (parts.some(({ modified }) => modified >= now - UNFINISHED_AGE)) return keep('nobody has finished it, and it is younger than a day')
  return { ...plan, action: 'delete', why: 'nobody finished it' }
}

/** By chain id, a backup of it that cannot be restored as things are, for want of a sidecar or of a link. */
export const neededBy = ({ unreadable, loose }: Holdings, orphans: readonly Sidecar[]): ReadonlyMap<string, string> =>
  new Map([
    ...unreadable.flatMap(({ name, chain }) => (chain === null ? [] : [[chain, name] as const])),
    ...loose.flatMap(({ name, chain }) => (chain === null ? [] : [[chain.id, name] as const])),
    ...orphans.map(({ name, chain }) => [chain.id, name] as const),
  ])
