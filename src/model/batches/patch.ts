// Makes a batch as it was stored one that Kafka takes from a producer, without touching its records: the checksum is
// carried through by its linearity, so that damage on the way from the source's disk is refused by the target.
import { AT, BIT } from './batch.ts'
import { crcChange } from './crc.ts'

interface Producer {
  readonly id: bigint
  readonly epoch: number
}

/** Kafka reads any other base offset as a mistake (INVALID_RECORD). */
const BASE_OFFSET = 0n
const NO_EPOCH = -1
/** The stretch under the checksum that changes: attributes up to the base sequence. */
const CHANGED = { from: AT.attributes, to: AT.count }

/** In place. Never for a batch with holes or with log append time: Kafka stores nonsense or refuses; those are written anew. */
export const patchForProduce = (batch: Buffer, producer: Producer, sequence: number): void => {
  const stretch = batch.subarray(CHANGED.from, CHANGED.to)
  const before = Buffer.from(stretch)
  batch.writeBigInt64BE(BASE_OFFSET, AT.baseOffset)
  batch.writeInt32BE(NO_EPOCH, AT.leaderEpoch)
  // Record times stay right without the delete horizon: they are relative to the first timestamp either way.
  batch.writeInt16BE(batch.readInt16BE(AT.attributes) & ~(BIT.transactional | BIT.deleteHorizon), AT.attributes)
  batch.writeBigInt64BE(producer.id, AT.producerId)
  batch.writeInt16BE(producer.epoch, AT.producerEpoch)
  batch.writeInt32BE(sequence, AT.baseSequence)
  const crc = batch.readUInt32BE(AT.crc) ^ crcChange(before, stretch, batch.length - CHANGED.to)
  batch.writeUInt32BE(crc >>> 0, AT.crc)
}
