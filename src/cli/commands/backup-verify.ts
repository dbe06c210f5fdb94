// kdr backup verify NAME: reads the whole chain that a restore of it would need, and names whatever is wrong. Green
// only when everything was read and everything agrees; the exit code says which kind of not green it is.
import { CorruptArchive, type Problem } from '../../archive/damage.ts'
import type { Opener } from '../../archive/encryption.ts'
import type { Archive } from '../../archive/read-archive.ts'
import { sidecarName } from '../../archive/sidecar.ts'
import { type Exit, KdrError } from '../../errors.ts'
import type { BackupStore, BackupStoreReader } from '../../ports/backup-store.ts'
import { plural } from '../../units.ts'
import { openerOf } from '../backup-keys.ts'
import { backupNamed, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import { type Invocation, optionFlag, optionText } from '../invocation.ts'
import type { Link } from '../links.ts'
import { gapsOf, gapWords } from '../render/backups.ts'
import { styleFor, wrap } from '../render/text.ts'
import { countWords, type TransferLine, transferLine } from '../render/transfer.ts'

interface Verified {
  readonly name: string
  readonly level: 'file' | 'record'
  readonly outcome: 'intact' | 'incomplete' | 'corrupt'
  readonly links: readonly string[]
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** Decoded; null at file level. */
  readonly records: number | null
}

const EXITS: Readonly<Record<Verified['outcome'], Exit>> = { intact: 'ok', incomplete: 'backupIncomplete', corrupt: 'corrupt' }

interface Task {
  readonly store: BackupStoreReader
  readonly opener: Opener | null
  readonly level: Verified['level']
  readonly line: TransferLine
  readonly signal: AbortSignal
}

const isCorrupt = (thrown: unknown): thrown is KdrError => thrown instanceof KdrError && thrown.exit === 'corrupt'

/** What the archive layer says of damage is a finding here; a wrong key or a store that is away ends the verification. */
const asProblem = async (work: () => Promise<readonly Problem[]>, where: string): Promise<readonly Problem[]> => {
  try {
    return await work()
  } catch (thrown) {
    if (!isCorrupt(thrown)) throw thrown
    return [thrown instanceof CorruptArchive ? thrown.problem : { what: thrown.message, where }]
  }
}

/** Every file of the chain, the oldest first, then that its links fit. */
const checkFiles = async ({ store, opener, line, signal }: Task, links: readonly Link[]): Promise<readonly Problem[]> => {
  const [{ verifyFile }, { openChain }] = await Promise.all([import('../../archive/verify-file.ts'), import('../../archive/chain.ts')])
  const problems = links.flatMap(({ problem }) => problem ?? [])
  const total = links.reduce((sum, { sidecar }) => sum + (sidecar?.bytes ?? 0), 0)
  let before = 0
  for (const { name, sidecar } of links) {
    if (sidecar === null) continue
    const told = (bytes: number): void => line.tell({ doing: `reading ${name}`, bytes: before + bytes, records: null, share: (before + bytes) / total })
    problems.push(...(await asProblem(() => verifyFile(store, name, opener, told, signal), name)))
    before += sidecar.bytes
  }
  const last = links.at(-1)?.name ?? ''
  if (problems.length > 0) return problems
  return asProblem(async () => {
    await openChain(store, last, opener, signal)
    return []
  }, last)
}

/** Of an incomplete backup: what it is that nobody has, here and in what it builds on. */
const lackingOf = ({ manifest }: Archive): readonly Problem[] =>
  manifest.status === 'complete'
    ? []
    : [
        ...manifest.incomplete.map((what) => ({ what, where: manifest.name })),
        ...gapsOf(manifest.partitions).map((gap) => ({ what: `gap: ${gapWords(gap)}`, where: manifest.name })),
      ]

const verify = async (task: Task, links: readonly Link[]): Promise<Verified> => {
  const { store, opener, level, line, signal } = task
  const name = links.at(-1)?.name ?? ''
  const names = links.map((link) => link.name)
  const problems = [...(await checkFiles(task, links))]
  if (problems.length > 0) return { name, level, outcome: 'corrupt', links: names, problems, warnings: [], records: null }
  const [{ openArchive }, { verifyRecords }] = await Promise.all([import('../../archive/read-archive.ts'), import('../../archive/verify-records.ts')])
  const [lacking, warnings, archives]: [Problem[], Problem[], Archive[]] = [[], [], []]
  let records = 0
  for (const link of names) {
    const archive = await openArchive(store, link, opener, signal)
    archives.push(archive)
    lacking.push(...lackingOf(archive))
    if (archive.manifest.encryption !== null && opener === null)
      warnings.push({ what: 'it is encrypted and no key was given: the digest of every entry is right, what lies in it was not looked at', where: link })
    if (level === 'file') continue
    const of = archive.manifest.backup_size_bytes
    const told = (bytes: number): void => line.tell({ doing: `decoding ${link}`, bytes, records, share: of === 0 ? null : bytes / of })
    const found = await verifyRecords(archive, told, signal)
    problems.push(...found.problems)
    warnings.push(...found.warnings)
    records += found.records
  }
  const { begunAnew } = await import('../../archive/restore/stored.ts')
  for (const [topic, where] of begunAnew(archives, archives.at(-1)?.manifest.topics ?? []))
    warnings.push({ what: `${topic} was deleted and made again within the chain: a restore brings back the one that begins here`, where })
  const outcome = problems.length > 0 ? 'corrupt' : lacking.length > 0 ? 'incomplete' : 'intact'
  return { name, level, outcome, links: names, problems: [...problems, ...lacking], warnings, records: level === 'file' ? null : records }
}

/** All of it was read as it was opened; sound or not, it is never everything. */
const verifyLegacy = (archive: Archive, level: Verified['level']): Verified => {
  const { name } = archive.sidecar
  return {
    name,
    level,
    outcome: 'incomplete',
    links: [name],
    problems: lackingOf(archive),
    warnings: [],
    records: null,
  }
}

const OUTCOMES: Readonly<Record<Verified['outcome'], string>> = {
  intact: 'intact',
  incomplete: 'INCOMPLETE: what it has is sound, but it does not have everything',
  corrupt: 'CORRUPT: it must not be restored from',
}

const verifiedLines = ({ name, level, outcome, links, problems, warnings, records }: Verified, columns: number): readonly string[] => [
  wrap(`${name} ${OUTCOMES[outcome]}`, columns, '', '  '),
  ...problems.map(({ what, where }) => wrap(`${where}: ${what}`, columns, '  - ', '    ')),
  ...warnings.map(({ what, where }) => wrap(`warning: ${where}: ${what}`, columns, '  - ', '    ')),
  wrap(
    `Read ${plural(links.length, 'archive')} from the first byte to the last${records === null ? '' : `, decoded ${countWords(records)} records`}.`,
    columns,
  ),
  ...(level === 'file' && outcome === 'intact' ? [wrap(`Every batch decoded, too: kdr backup verify ${name} --level record`, columns)] : []),
]

interface Lost {
  /** The store as it would be with the sidecar in it. */
  readonly reader: BackupStoreReader
  write(store: BackupStore): Promise<void>
}

/** null where its sidecar is there. Throws `no-such-backup` (exit 23), `archive-corrupt` (exit 21). */
const lostOf = async (store: BackupStore, name: string, signal: AbortSignal): Promise<Lost | null> => {
  const { lostSidecar, withSidecar, relist } = await import('../../archive/relist.ts')
  const lost = await lostSidecar(store, name, signal)
  return lost && { reader: withSidecar(store, lost), write: (to) => relist(to, lost, signal) }
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { args, terminal, interruption } = invocation
  const [given = ''] = args
  const { signal } = interruption
  const chosen = chooseStore(invocation, given)
  const store = await openStore(chosen, { create: false })
  const line = transferLine(terminal, await styleFor(terminal), () => performance.now())
  try {
    const [{ linksOf }, { openedLegacy }] = await Promise.all([import('../links.ts'), import('../legacy.ts')])
    const name = await backupNamed(store, given, signal)
    const level = optionText(invocation, 'level') === 'record' ? 'record' : 'file'
    const lost = optionFlag(invocation, 'relist') ? await lostOf(store, name, signal) : null
    const legacy = lost === null ? await openedLegacy(store, name, signal) : null
    const task = { store: lost?.reader ?? store, opener: await openerOf(chosen), level, line, signal } as const
    const result = legacy === null ? await verify(task, await linksOf(task.store, name, signal)) : verifyLegacy(legacy.archive, level)
    line.close()
    const relisted = lost !== null && result.outcome !== 'corrupt'
    if (relisted) await lost.write(store)
    if (terminal.format === 'json') terminal.json({ schema: 'kdr/backup-verification/1', ...result, relisted })
    else for (const text of verifiedLines(result, terminal.columns)) terminal.out(text)
    if (relisted) terminal.err(wrap(`${sidecarName(name)} is written again: kdr backup list has ${name}.`, terminal.columns))
    return EXITS[result.outcome]
  } finally {
    line.close()
    await store.close()
  }
}
