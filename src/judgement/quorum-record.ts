// Whether the metadata that came back is as new as what the brokers last knew. A member that had fallen behind
// when the others lost their disks brings back an older record: elected from it, a replica may lack records.
import type { LogEnds } from '../model/survey.ts'

/** The highest leader epoch that brokers or their logs have seen, by partition name. */
export const epochsOf = (ends: ReadonlyMap<string, LogEnds>): Readonly<Record<string, number>> =>
  Object.fromEntries([...ends].map(([name, { leaderEpoch, local }]) => [name, Math.max(leaderEpoch, ...local.map(({ epoch }) => epoch ?? -1))]))

/** Partitions that were elected a leader since, by their record: so late a comparison cannot tell whether it was behind before. */
export const raised = (before: Readonly<Record<string, number>>, onRecord: ReadonlyMap<string, number>): readonly string[] =>
  Object.entries(before).flatMap(([name, epoch]) => ((onRecord.get(name) ?? -1) > epoch ? [name] : []))

/**
 * Partitions whose record is older than what the brokers had before, or is not there. A leader's epoch only ever rises
 * (KIP-101). An election since may hide that a record was one behind: compared as soon as somebody serves it.
 */
export const behind = (before: Readonly<Record<string, number>>, onRecord: ReadonlyMap<string, number>): readonly string[] =>
  Object.entries(before).flatMap(([name, epoch]) => ((onRecord.get(name) ?? -1) < epoch ? [name] : []))
