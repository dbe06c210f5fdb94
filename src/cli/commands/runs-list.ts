// kdr runs list: every run, newest first.
import type { Exit } from '../../errors.ts'
import { openKeeping } from '../compose.ts'
import { allRuns, type RunSummary, resumable } from '../history.ts'
import type { Invocation } from '../invocation.ts'
import { table } from '../render/text.ts'
import { duration } from '../render/words.ts'

export const rowOf = (summary: RunSummary) => {
  const { started, finished } = summary
  return {
    run: summary.run,
    scenario: started?.scenario ?? null,
    cluster: started?.cluster ?? null,
    platform: started?.platform ?? null,
    mode: started?.mode ?? null,
    startedAt: started?.at ?? null,
    finishedAt: finished?.at ?? null,
    state: summary.state,
    outcome: finished?.outcome ?? null,
    exitCode: finished?.exitCode ?? null,
    rtoSeconds: finished?.rtoSeconds ?? null,
    rpoRecords: finished?.rpoRecords ?? null,
    resumable: resumable(summary),
    path: summary.path,
  }
}

const outcomeOf = (summary: RunSummary): string => (summary.state === 'finished' ? (summary.finished?.outcome ?? '') : summary.state)

export const run = async ({ env, terminal }: Invocation): Promise<Exit> => {
  const { store } = await openKeeping(env)
  const runs = allRuns(store)
  if (terminal.format === 'json') {
    terminal.json({ schema: 'kdr/runs/1', runs: runs.map(rowOf) })
    return 'ok'
  }
  if (runs.length === 0) terminal.err('No runs yet.')
  const rows = runs.map((summary) => {
    const rto = summary.finished?.rtoSeconds
    return [
      summary.run,
      summary.started?.cluster ?? '?',
      summary.started?.mode ?? '?',
      outcomeOf(summary),
      rto === null || rto === undefined ? '-' : duration(rto),
    ]
  })
  if (rows.length > 0) for (const line of table([['RUN', 'CLUSTER', 'MODE', 'OUTCOME', 'RTO'], ...rows])) terminal.out(line)
  const open = runs.find(resumable)
  if (open !== undefined) terminal.err(`Unfinished: kdr runs resume ${open.run}`)
  return 'ok'
}
