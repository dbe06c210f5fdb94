// kdr backup create: reads the cluster and writes one archive. Nothing of the cluster is changed, so that it needs
// no gate; it is complete, or says in words what is missing and exits 20.
import type { CreateEvent, CreateOptions, CreatePorts, CreateResult } from '../../archive/create/types.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { formatBytes, formatDuration, formatInstant, type Millis, plural } from '../../units.ts'
import { sealerOf } from '../backup-keys.ts'
import { type ChosenStore, chooseStore } from '../backups.ts'
import { openStore } from '../compose/store.ts'
import { openKeeping, openWorld, surveyOnce, type World } from '../compose.ts'
import { type Invocation, optionFlag, optionList, optionNumber, optionText } from '../invocation.ts'
import { factLines, gapWords } from '../render/backups.ts'
import { styleFor, wrap } from '../render/text.ts'
import { countWords, type TransferLine, transferLine } from '../render/transfer.ts'
import { VERSION } from '../version.ts'

const PARALLEL = 8

const compressionOf = (invocation: Invocation): CreateOptions['compression'] => {
  const named = optionText(invocation, 'compression')
  return named === 'none' || named === 'gzip' || named === 'zstd' ? named : 'auto'
}

/** Every schema there is, or why it could not be told: unknown makes the backup incomplete, never schemaless. */
const schemasOf =
  (invocation: Invocation, world: World): CreatePorts['schemas'] =>
  async (signal) => {
    if (invocation.options['schemas'] === false) return null
    const survey = await surveyOnce(world, signal)
    if (!survey.registry.known) throw new KdrError(`the schema registry was not seen: ${survey.registry.why}`, { code: 'nothing-seen', exit: 'unknown' })
    if (survey.registry.value === null) return null
    const { exportSchemas } = await import('../../survey/export-schemas.ts')
    const content = await exportSchemas(world.ports, survey.registry.value, survey.clusterId.known ? survey.clusterId.value : null, signal)
    return { content, missing: content.missing }
  }

const optionsOf = async (invocation: Invocation, chosen: ChosenStore, world: World): Promise<CreateOptions> => {
  const { user, host, pid } = (await openKeeping(invocation.env)).actor
  return {
    type: optionFlag(invocation, 'incremental') ? 'incremental' : 'full',
    topics: optionList(invocation, 'topic'),
    schemasTopic: world.settings.schemaRegistry.topic,
    compression: compressionOf(invocation),
    encryption: await sealerOf(chosen),
    bytesPerSecond: optionNumber(invocation, 'rate'),
    rack: optionText(invocation, 'rack') ?? null,
    parallel: optionNumber(invocation, 'parallel') ?? PARALLEL,
    kdrVersion: VERSION,
    holder: `${user}@${host}, process ${pid}`,
  }
}

/** Both for whoever watches and for whatever reads. */
const teller =
  ({ terminal }: Invocation, line: TransferLine, now: () => number) =>
  (event: CreateEvent): void => {
    if (event.type === 'note') line.note(event.text)
    else {
      const { partitions, ofPartitions, bytes, records, rate, estimatedBytes, remaining } = event.progress
      const share = estimatedBytes === null || estimatedBytes === 0 ? null : Math.min(1, bytes / estimatedBytes)
      line.tell({ doing: `${partitions} of ${plural(ofPartitions, 'partition')}`, bytes, records, share, rate, remaining })
    }
    if (terminal.format !== 'ndjson') return
    const at = formatInstant(now())
    if (event.type === 'note') terminal.json({ at, type: 'backup.note', text: event.text })
    else terminal.json({ at, type: 'backup.progress', ...event.progress, remaining: undefined, remainingSeconds: secondsOf(event.progress.remaining) })
  }

const secondsOf = (length: Millis | null): number | null => (length === null ? null : length / 1000)

const resultJson = (result: CreateResult, where: string, took: Millis): unknown => ({
  schema: 'kdr/backup/1',
  name: result.name,
  type: result.type,
  status: result.status,
  store: where,
  chain: result.chain.id,
  sequence: result.chain.sequence,
  parent: result.parent,
  topics: result.topics,
  partitions: result.partitions,
  records: result.records,
  bytes: result.bytes,
  stored: result.stored,
  seconds: took / 1000,
  gaps: result.gaps,
  incomplete: result.incomplete,
  forcedFull: result.forcedFull,
  leftOut: result.leftOut,
})

const resultLines = (result: CreateResult, where: string, took: Millis, columns: number): readonly string[] => {
  const { topics, partitions, records, bytes, stored, parent, gaps, incomplete } = result
  const rate = took < 1 ? '' : `, ${formatBytes((bytes * 1000) / took)}/s`
  return [
    `${result.name} ${result.status === 'complete' ? 'complete' : 'INCOMPLETE'}`,
    ...factLines(
      [
        ['in', where],
        ['holds', `${plural(topics, 'topic')}, ${plural(partitions, 'partition')}, ${countWords(records)} records, ${formatBytes(bytes)} of batches`],
        ['stored', `${formatBytes(stored)} in ${formatDuration(took)}${rate}`],
        ...(parent === null ? [] : [['after', parent] as const]),
        ['gaps', gaps.length === 0 ? 'none' : String(gaps.length)],
      ],
      columns,
    ),
    ...gaps.map((gap) => wrap(gapWords(gap), columns, '  - ', '    ')),
    ...incomplete.map((why) => wrap(`INCOMPLETE: ${why}`, columns, '', '  ')),
  ]
}

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption } = invocation
  const chosen = chooseStore(invocation)
  const world = await openWorld(invocation, 'read')
  const { clock } = world.ports
  const options = await optionsOf(invocation, chosen, world)
  const store = await openStore(chosen, { create: true })
  const line = transferLine(terminal, await styleFor(terminal), () => clock.monotonic())
  const began = clock.monotonic()
  interruption.onFirst(() => line.note('Stopping: what was written so far is taken away again. Once more to leave at once.'))
  try {
    const { createBackup } = await import('../../archive/create/create-backup.ts')
    const { backup, kafka } = world.ports
    const ports: CreatePorts = { backup, kafka, schemas: schemasOf(invocation, world), store, clock }
    const result = await createBackup(
      options,
      ports,
      teller(invocation, line, () => clock.now()),
      interruption.signal,
    )
    line.close()
    const took = clock.monotonic() - began
    if (terminal.format === 'text') for (const text of resultLines(result, store.where, took, terminal.columns)) terminal.out(text)
    else terminal.json(resultJson(result, store.where, took))
    return result.status === 'complete' ? 'ok' : 'backupIncomplete'
  } finally {
    line.close()
    await Promise.allSettled([store.close(), world.close()])
  }
}
