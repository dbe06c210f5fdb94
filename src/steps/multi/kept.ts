// What a lost majority's recovery is proved by: no log ends before what was committed, and what was typed as
// lost is all that can have been lost.
import type { Decision } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import type { Check } from '../../judgement/health.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import type { Judged } from './judged.ts'
import type { Snapshot } from './snapshot.ts'

const exists = ({ partitions }: Survey, name: string): boolean => partitions.known && partitions.value.topic(name.slice(0, name.lastIndexOf('-'))) !== undefined

/** The ends that were seen before are still there, as far as they compare: no committed offset went backwards but by a typed loss. */
export const keptEnds =
  (snapshot: Decision<Snapshot>, judged: Decision<Judged>) =>
  (now: Survey): readonly Check[] => {
    const check = { id: 'log-ends', title: 'No log ends before what was committed' }
    if (!now.logs.known) return [{ ...check, result: 'UNKNOWN', detail: `not seen: ${now.logs.why}`, source: now.logs.by }]
    const typed = new Map((judged.taken()?.elections ?? []).map((election) => [election.name, election]))
    const wrong: string[] = []
    const blind: string[] = []
    let compared = 0
    for (const [name, before] of Object.entries(snapshot.taken()?.ends ?? {})) {
      // A canary that a killed run left is removed meanwhile: what no longer exists cannot be compared.
      if (!exists(now, name)) continue
      const floor = typed.get(name)?.candidate.end ?? before.highWatermark
      if (floor === null || floor === undefined) continue
      const after = now.logs.value.get(name)?.highWatermark ?? null
      if (after === null) blind.push(name)
      else if (after < floor) wrong.push(`${name} (${floor} before, ${after} now)`)
      else compared += 1
    }
    if (wrong.length > 0) return [{ ...check, result: 'FAIL', detail: few(wrong), source: now.logs.by }]
    if (blind.length > 0) return [{ ...check, result: 'UNKNOWN', detail: `not seen: ${few(blind)}`, source: now.logs.by }]
    return [{ ...check, result: 'PASS', detail: `${compared} compared with the snapshot`, source: now.logs.by }]
  }

/**
 * What was typed is what was lost, at most. Everywhere else only members of an ISR on record can have been elected, unless
 * unclean election was ever seen to be on.
 */
export const typedLoss =
  (judged: Decision<Judged>, inDoubt: () => readonly string[]) =>
  (now: Survey): Known<number> => {
    const elections = judged.taken()?.elections ?? []
    const by = 'journal and survey'
    const open = elections.filter(({ acknowledged }) => acknowledged.atMost === null)
    if (open.length > 0) {
      const least = elections.reduce((sum, { acknowledged }) => sum + acknowledged.atLeast, 0)
      return unknown(`at least ${least} acknowledged records, and an unknown number more, of ${few(open.map(({ name }) => name))}: as was typed`, by)
    }
    const doubts = inDoubt().filter((name) => !elections.some((election) => election.name === name))
    if (doubts.length > 0) return unknown(`a stale leader could not be ruled out for ${few([...new Set(doubts)], 3)}`, by)
    if (!now.partitions.known) return unknown(now.partitions.why, now.partitions.by)
    const unclean = now.partitions.value.topics.find(({ uncleanElection }) => !uncleanElection.known || uncleanElection.value)
    if (unclean !== undefined) return unknown(`unclean election is not known to be off for ${unclean.name}`, by)
    const lost = elections.reduce((sum, { acknowledged }) => sum + (acknowledged.atMost ?? 0), 0)
    return known(lost, by)
  }
