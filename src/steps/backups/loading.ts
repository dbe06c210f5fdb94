// How records are sent, whatever they are: so many partitions at once, at most so fast, saying how far it is.
import type { WriteWorld } from '../../ports/world.ts'
import { formatBytes, hours, seconds } from '../../units.ts'
import type { Restoring } from './restoring.ts'

/** Of steps that send records. */
export const LOADING = hours(24 * 7)
/** Partitions open at once, of segments of the size kdr writes; fewer where segments are larger. */
export const WIDTH = 12

/** For whom it still waits is said again after so long. */
const AGAIN = seconds(15)

interface Telling {
  readonly total: number
  readonly unit: string
}

/** Says how far it is with every answer, and at once for whom it waits. */
const teller = (world: WriteWorld, { total, unit }: Telling) => {
  let waited: string | null = null
  let said = 0
  let done = 0
  let bytes = 0
  const since = world.clock.monotonic()
  return {
    progress: (records: number, sent: number) => {
      done += records
      bytes += sent
      const took = Math.max(1, world.clock.monotonic() - since) / 1000
      world.tell({ detail: `${formatBytes(bytes / took)}/s${waited === null ? '' : `, waiting for ${waited}`}`, measure: { done, total, unit } })
    },
    waiting: (words: string | null) => {
      const now = world.clock.monotonic()
      if (words === null || (words === waited && now - said < AGAIN)) {
        waited = words
        return
      }
      waited = words
      said = now
      world.tell({ detail: `waiting for ${words}` })
    },
  }
}

export const optionsOf = (world: WriteWorld, from: Restoring, width: number, telling: Telling) => ({
  width,
  bytesPerSecond: from.options.bytesPerSecond,
  stopping: world.stopping,
  ...teller(world, telling),
})
