// How far something long that only reads or writes bytes has come: in place at a terminal, a line every 15 s
// elsewhere, nothing where nobody wants it.
import { formatBytes, formatDuration, type Millis } from '../../units.ts'
import type { Terminal } from '../terminal.ts'
import { LiveLine } from './live.ts'
import { type Style, wrap } from './text.ts'

export interface Transfer {
  /** `reading orders-3`, `checking full_backup_20261123_031500`. */
  readonly doing: string
  readonly bytes: number
  readonly records: number | null
  /** How much of it all is done, 0 to 1; null where that cannot be told. */
  readonly share: number | null
  /** Bytes a second and time left, where whoever works knows them better than an average. */
  readonly rate?: number
  readonly remaining?: Millis | null
}

export interface TransferLine {
  tell(now: Transfer): void
  /** A fact that stays on the screen. */
  note(text: string): void
  close(): void
}

const HEARTBEAT: Millis = 15_000
/** An estimate made of less is a guess. */
const ENOUGH = { share: 0.02, elapsed: 3000 } as const

export const countWords = (count: number): string => count.toLocaleString('en-US')

const estimate = (share: number | null, elapsed: Millis): Millis | null =>
  share === null || share < ENOUGH.share || share >= 1 || elapsed < ENOUGH.elapsed ? null : (elapsed * (1 - share)) / share

/** What a line says: how far, how much, how fast, how long still. */
export const transferWords = ({ doing, bytes, records, share, rate, remaining }: Transfer, elapsed: Millis): string => {
  const left = remaining ?? estimate(share, elapsed)
  // What matters first: a narrow terminal cuts off the rest.
  const parts: string[] = []
  if (share !== null) parts.push(`${Math.floor(Math.min(1, share) * 100)} %`)
  parts.push(formatBytes(bytes))
  if (elapsed >= 1000) parts.push(`${formatBytes(rate ?? (bytes * 1000) / elapsed)}/s`)
  if (left !== null) parts.push(`about ${formatDuration(left)} left`)
  parts.push(doing)
  if (records !== null) parts.push(`${countWords(records)} records`)
  return parts.join(', ')
}

const NOBODY: TransferLine = { tell: () => {}, note: () => {}, close: () => {} }

/** `monotonic`: of the clock, so that an estimate survives a clock that is set. */
export const transferLine = (terminal: Terminal, style: Style, monotonic: () => Millis): TransferLine => {
  if (terminal.quiet) return NOBODY
  const began = monotonic()
  let latest: Transfer | null = null
  const text = (): string => (latest === null ? '' : transferWords(latest, monotonic() - began))
  const say = (line: string): void => terminal.err(wrap(line, terminal.columns, '', '  '))
  if (!terminal.live) {
    const beat = setInterval(() => latest !== null && say(text()), HEARTBEAT)
    beat.unref()
    return {
      tell: (now) => {
        latest = now
      },
      note: say,
      close: () => clearInterval(beat),
    }
  }
  const line = new LiveLine(terminal, () => `${style.busy} ${text()}`)
  return {
    tell: (now) => {
      const first = latest === null
      latest = now
      if (first) line.draw()
    },
    note: (words) => {
      line.erase()
      say(words)
      if (latest !== null) line.draw()
    },
    close: () => line.end(),
  }
}
