// Preloaded into kdr: kills it with SIGKILL right after a chosen journal line is durable. KDR_KILL_TYPE names
// a kind of line (its first one counts; with KDR_KILL_STEP, of that step), KDR_KILL_LINE a line by number, from 1.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { KDR_KILL_TYPE, KDR_KILL_STEP, KDR_KILL_LINE } = process.env
const { writeSync, fsyncSync } = fs
let due = null

fs.writeSync = (handle, data, ...rest) => {
  const text = data.toString()
  const [, line] = /^\{"v":1,"seq":(\d+),/.exec(text) ?? []
  const [, type] = /"type":"([a-z.]+)"/.exec(text) ?? []
  if (
    line !== undefined &&
    ((type === KDR_KILL_TYPE && (KDR_KILL_STEP === undefined || text.includes(`"step":"${KDR_KILL_STEP}"`))) || Number(line) + 1 === Number(KDR_KILL_LINE))
  )
    due = handle
  return writeSync(handle, data, ...rest)
}
fs.fsyncSync = (handle) => {
  fsyncSync(handle)
  if (handle === due) process.kill(process.pid, 'SIGKILL')
}
syncBuiltinESMExports()
