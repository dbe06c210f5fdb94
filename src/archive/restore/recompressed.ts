// What a restore cannot write back in the codec it had: only batches that have to be made anew are concerned, and
// only where this Node can read zstd and not write it.
import { canCompress, ZSTD } from '../../model/batches/codecs.ts'
import { plural } from '../../units.ts'
import { TINY } from './pieces.ts'
import type { StoredPartition } from './stored.ts'

const madeAnew = ({ segments, dense }: StoredPartition): boolean =>
  !dense || segments.some(({ segment: { bytes, batches } }) => batches > 1 && bytes < batches * TINY)

/** null where every batch keeps its codec. Which codec a batch has is in the batch alone: what it says is said of those that have it. */
export const recompressed = (stored: readonly StoredPartition[], able: boolean = canCompress(ZSTD)): string | null => {
  const partitions = able ? 0 : stored.filter(madeAnew).length
  if (partitions === 0) return null
  return `batches of ${plural(partitions, 'partition')} have to be made anew (holes, tiny ones): those compressed with zstd become gzip, as this Node cannot write zstd; 22.15 and later can`
}
