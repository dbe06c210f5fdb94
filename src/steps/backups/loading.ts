// How records are sent, whatever they are: so many partitions at once, at most so fast, saying how far it is.
import type { WriteWorld } from '../../ports/world.ts'
import { formatBytes, hours } from '../../units.ts'
import type { Restoring } from './restoring.ts'

/** Of steps that send records. */
export const LOADING = hours(24 * 7)
/** Partitions open at once, of segments of the size kdr writes; fewer where segments are larger. */
export const WIDTH = 12

interface Telling {
  readonly total: number
  readonly unit: string
}

/** Says how far it is with every answer. */
const teller = (world: WriteWorld, { total, unit }: Telling) => {
  let done = 0
  let bytes = 0
  const since = world.clock.monotonic()
  return {
    progress: (records: number, sent: number) => {
      done += records
      bytes += sent
      const took = Math.max(1, world.clock.monotonic() - since) / 1000
      world.tell({ detail: `${formatBytes(bytes / took)}/s`, measure: { done, total, unit } })
    },
  }
}

export const optionsOf = (world: WriteWorld, from: Restoring, width: number, telling: Telling) => ({
  width,
  bytesPerSecond: from.options.bytesPerSecond,
  stopping: world.stopping,
  ...teller(world, telling),
})
