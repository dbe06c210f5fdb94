// What the journals of earlier runs say; a journal that cannot be trusted is said to be so, never guessed from.
import { type Folded, fold } from '../engine/fold.ts'
import { type JournalLine, readJournal } from '../engine/journal.ts'
import { KdrError } from '../errors.ts'
import type { RunStore } from '../ports/run-store.ts'

type Of<T extends JournalLine['type']> = Extract<JournalLine, { readonly type: T }>

export interface RunSummary {
  readonly run: string
  readonly path: string
  readonly started: Of<'run.started'> | null
  readonly finished: Of<'run.finished'> | null
  /** `running` is not told from `crashed` here: the lock knows. */
  readonly state: 'finished' | 'unfinished' | 'unreadable'
  readonly lines: readonly JournalLine[]
  readonly torn: boolean
  /** Why the journal's chain does not hold, or null. */
  readonly broken: string | null
  readonly folded: Folded | null
}

const isStarted = (line: JournalLine | undefined): line is Of<'run.started'> => line?.type === 'run.started'

/** The end of the run's last life: a resumed run has not finished because an earlier life of it did. */
const endOf = (lines: readonly JournalLine[]): Of<'run.finished'> | null => {
  const last = lines.findLast((line): line is Of<'run.finished'> | Of<'run.resumed'> => line.type === 'run.finished' || line.type === 'run.resumed')
  return last?.type === 'run.finished' ? last : null
}

/** Throws `run-not-found`. */
export const summarise = (store: RunStore, run: string): RunSummary => {
  const folder = store.find(run)
  const { lines, torn, broken } = readJournal(folder)
  const started = isStarted(lines[0]) ? lines[0] : null
  const finished = endOf(lines)
  const state = broken !== null || started === null ? 'unreadable' : finished === null ? 'unfinished' : 'finished'
  return { run, path: folder.path, started, finished, state, lines, torn, broken, folded: broken === null ? fold(lines) : null }
}

/** Newest first. */
export const allRuns = (store: RunStore): readonly RunSummary[] => store.list().map((run) => summarise(store, run))

/** RTOs in seconds of earlier verified recoveries of this scenario on this target, newest first. */
export const pastRuns = (store: RunStore, scenario: string, identity: string): readonly number[] =>
  allRuns(store).flatMap(({ started, finished, broken }) =>
    broken === null && started?.scenario === scenario && started.identity === identity && finished?.outcome === 'recovered' && finished.rtoSeconds !== null
      ? [finished.rtoSeconds]
      : [],
  )

/** Whether it can be gone on with: it began, and it has not ended well or been refused untouched. What was to be done to a store is planned anew. */
export const resumable = ({ state, started, folded, finished }: RunSummary): boolean =>
  started?.platform === 'store' ? false : state === 'unfinished' || (folded !== null && finished !== null && finished.outcome !== 'recovered' && folded.changed)

/** The latest run that can be gone on with. Throws `no-unfinished-run`. */
export const latestUnfinished = (store: RunStore): RunSummary => {
  const found = allRuns(store).find(resumable)
  if (found !== undefined) return found
  throw new KdrError('no run is unfinished', { code: 'no-unfinished-run', exit: 'usage', hint: 'kdr runs list' })
}
