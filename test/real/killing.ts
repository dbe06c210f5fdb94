// One killed recovery and its resumption, checked against what the processes themselves show.
import path from 'node:path'
import { expect } from 'vitest'
import { allInSync, type Ready, until } from './harness.ts'

const PRELOAD = path.join(import.meta.dirname, 'kill-at.mjs')
const GRANTS = ['--non-interactive', '--allow', 'restart,change,stop', '--confirm']

/** Breaks broker 2, kills kdr where `env` says, resumes. Returns false when there was no such line, or nothing left to resume after it. */
export const killAndResume = async ({ here, truth, name }: Ready, env: Readonly<Record<string, string>>): Promise<boolean> => {
  const label = JSON.stringify(env)
  await here.kdr(['lab', 'break', 'kill-broker', '--broker', '2', '--name', name])
  const killed = await here.kdr(['recover', 'single-broker', '--cluster', name, '--broker', '2', ...GRANTS, name], { env, preload: PRELOAD })
  const met = killed.signal === 'SIGKILL'
  if (!met) expect(killed.code, `${label}: ${killed.err}`).toBe(0)
  const between = await truth.uids()
  const { runs } = (await here.json(['runs', 'list'])) as { runs: { outcome: string | null }[] }
  const finished = runs[0]?.outcome === 'recovered'
  if (met && !finished) {
    const resumed = await here.kdr(['runs', 'resume', ...GRANTS, name])
    expect(resumed.code, `${label}: ${resumed.out}${resumed.err}`).toBe(0)
  }
  const after = await truth.uids()
  expect(after['kafka2'], label).not.toBeNull()
  // Started once: whatever already ran when kdr was killed is what runs now, and nothing else was touched.
  for (const [member, uid] of Object.entries(between)) if (uid !== null) expect(after[member], `${label}: ${member}`).toBe(uid)
  await until('full ISR', async () => allInSync(await truth.rows()))
  expect(
    (await truth.rows()).filter(({ topic }) => topic.startsWith('__kdr_canary_')),
    label,
  ).toEqual([])
  return met && !finished
}
