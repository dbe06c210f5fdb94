// kdr backup show NAME: what a backup says of itself, and what a restore of it would see expire at once.
import type { Archive } from '../../archive/read-archive.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { Instant } from '../../units.ts'
import { openerOf } from '../backup-keys.ts'
import { backupNamed, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import type { Invocation } from '../invocation.ts'
import { gapsOf, type Shown, showLines, topicSums } from '../render/backups.ts'

/** Kafka's own default of `log.retention.hours`, for topics that say nothing. */
const RETENTION = 7 * 24 * 3_600_000

/** By the overrides alone: what a broker's own defaults are is not in a backup. */
const expiryOf = async (archive: Archive, now: Instant, signal: AbortSignal): Promise<Shown['expires']> => {
  const metadata = await archive.metadata(signal).catch((thrown: unknown) => {
    // Encrypted, and the key is not here: everything else can be shown without it.
    if (thrown instanceof KdrError && thrown.exit === 'wrongKey') return null
    throw thrown
  })
  if (metadata === null) return null
  const configs = new Map(metadata.topics.map((topic) => [topic.name, topic.configs ?? {}]))
  const expires = new Map<string, 'all' | 'part'>()
  for (const { topic, minTimestamp, maxTimestamp, records } of topicSums(archive.manifest.partitions)) {
    const { 'retention.ms': retention, 'cleanup.policy': policy } = configs.get(topic) ?? {}
    const kept = retention === undefined || retention === null ? RETENTION : Number(retention)
    const deletes = policy === undefined || policy === null || policy.includes('delete')
    if (!deletes || kept < 0 || records === 0 || maxTimestamp < 0) continue
    if (maxTimestamp + kept < now) expires.set(topic, 'all')
    else if (minTimestamp + kept < now) expires.set(topic, 'part')
  }
  return expires
}

const shownJson = ({ manifest, sidecar, where, links, lossy, expires }: Shown): unknown => ({
  schema: 'kdr/backup-summary/1',
  name: manifest.name,
  type: manifest.backup_type,
  status: lossy === null ? manifest.status : 'lossy',
  lossy,
  incomplete: manifest.incomplete,
  store: where,
  date: manifest.backup_date,
  finishedAt: manifest.finished_at,
  clusterId: manifest.cluster_id,
  kdrVersion: manifest.kdr_version,
  chain: manifest.chain.id,
  sequence: manifest.chain.sequence,
  links,
  bytes: sidecar.bytes,
  records: sidecar.records,
  parts: sidecar.parts,
  encryption: manifest.encryption,
  topics: topicSums(manifest.partitions).map((row) => ({ ...row, expires: expires === null ? null : (expires.get(row.topic) ?? 'none') })),
  partitions: manifest.partitions.map(({ segments, ...partition }) => ({ ...partition, segments: segments.length })),
  gaps: gapsOf(manifest.partitions),
  groups: manifest.consumer_groups,
  leftOut: manifest.left_out,
})

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { args, terminal, interruption } = invocation
  const [given = ''] = args
  const { signal } = interruption
  const chosen = chooseStore(invocation, given)
  const store = await openStore(chosen, { create: false })
  try {
    const [{ openArchive }, { linksOf }, { openedLegacy }] = await Promise.all([
      import('../../archive/read-archive.ts'),
      import('../links.ts'),
      import('../legacy.ts'),
    ])
    const name = await backupNamed(store, given, signal)
    const legacy = await openedLegacy(store, name, signal)
    const archive = legacy?.archive ?? (await openArchive(store, name, await openerOf(chosen), signal))
    const links =
      legacy !== null ? [name] : (await linksOf(store, name, signal)).map((link) => (link.problem === null ? link.name : `${link.name} (${link.problem.what})`))
    const { sidecar } = archive
    const shown: Shown = {
      manifest: archive.manifest,
      sidecar,
      where: store.where,
      links,
      lossy: legacy?.lossy ?? null,
      expires: await expiryOf(archive, Date.now(), signal),
    }
    if (terminal.format === 'json') terminal.json(shownJson(shown))
    else for (const line of showLines(shown, terminal.columns)) terminal.out(line)
    return 'ok'
  } finally {
    await store.close()
  }
}
