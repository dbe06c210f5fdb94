// An exit code in the model's words.
import { constants } from 'node:os'
import type { ExitStatus } from '../../model/member.ts'

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** The engine reports a death by signal n as 128+n; Java itself also exits so after a graceful stop (143). */
export const exitStatus = (code: number, oomKilled: boolean): ExitStatus => ({
  code,
  signal: code > 128 ? (SIGNALS.get(code - 128) ?? null) : null,
  oomKilled,
})
