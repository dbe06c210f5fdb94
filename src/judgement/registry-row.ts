// The row of the diagnosis table about the Schema Registry: kafka-operations.md §1.
import { isKnownFalse } from '../model/known.ts'
import type { RegistryView } from '../model/registry.ts'
import { memberOf, type Survey } from '../model/survey.ts'
import { few } from './evidence.ts'
import { duplicateUrls, leaderProblem } from './registry.ts'
import { fails, holds, type Row, unseen } from './rows.ts'

const instancesDown = (survey: Survey, view: RegistryView): readonly string[] =>
  view.instances.flatMap(({ url, member, reads }) => {
    const state = member === null ? undefined : memberOf(survey, member)?.state
    if (state?.known === true && state.value !== 'running') return [`${member} is ${state.value}`]
    return isKnownFalse(reads) ? [`${member ?? url} does not answer`] : []
  })

/** Reads or writes fail. HTTP 200 proves neither a leader nor writes, so the group that elects the leader is asked too. */
export const registryFails: Row = {
  verdict: 'schema-registry',
  ask: ({ survey }) => {
    const word = 'schema-registry'
    if (!survey.registry.known) return unseen(`the schema registry: ${survey.registry.why}`)
    const { value: view, by } = survey.registry
    if (view === null) return fails(word, 'no schema registry is expected', by)
    const down = instancesDown(survey, view)
    if (down.length > 0) return holds(word, few(down), by)
    const twice = duplicateUrls(survey)
    if (twice.length > 0) return holds(word, `more than one instance advertises ${few(twice)}: they elect no leader, writes fail`, by)
    const problem = leaderProblem(view)
    if (typeof problem === 'string') return holds(word, `${problem}: reads go on from memory, writes fail`, view.leader.by)
    const blind = view.instances.filter(({ reads }) => !reads.known).map(({ url }) => url)
    if (blind.length > 0) return unseen(`whether ${few(blind)} answers`)
    if (problem === undefined) return unseen(`whether the schema registry has a leader: ${view.leader.known ? 'it was not seen to answer' : view.leader.why}`)
    const importing = view.instances.filter(({ mode }) => mode.known && mode.value === 'IMPORT').map(({ url }) => url)
    if (importing.length > 0)
      return holds(word, `${few(importing)} is in mode IMPORT, as an import that was cut short leaves it: nobody can register a schema`, by)
    return fails(word, `${view.instances.length} instances answer, and one of them leads`, by)
  },
}
