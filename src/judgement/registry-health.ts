// Is the schema registry well? Checks besides those of every cluster; UNKNOWN never becomes PASS.
import type { SchemaKey } from '../model/schemas.ts'
import { schemaName } from '../model/schemas.ts'
import type { Survey } from '../model/survey.ts'
import { few } from './evidence.ts'
import type { Check } from './health.ts'
import { dependencyProblem, lacking, leaderProblem, registryOf } from './registry.ts'

type Finding = Pick<Check, 'result' | 'detail'>

const found = (passed: boolean, detail: string): Finding => ({ result: passed ? 'PASS' : 'FAIL', detail })
const unseen = (why: string): Finding => ({ result: 'UNKNOWN', detail: `not seen: ${why}` })

const answering = (now: Survey): Finding => {
  const view = registryOf(now)
  if (view === null) return unseen(now.registry.known ? 'no registry' : now.registry.why)
  const down = view.instances.filter(({ reads }) => reads.known && !reads.value).map(({ url }) => url)
  if (down.length > 0) return found(false, `${few(down)} does not answer`)
  const blind = view.instances.filter(({ reads }) => !reads.known).map(({ url }) => url)
  if (blind.length > 0 || view.instances.length === 0) return unseen(few(blind) || 'no instance')
  const problem = leaderProblem(view)
  if (problem === undefined) return unseen('its leader')
  return found(problem === null, problem ?? `${view.instances.length} instances answer, one of them leads`)
}

const dependencies = (now: Survey): Finding => {
  const problem = dependencyProblem(now)
  if (problem === null) return found(true, 'its topic and its group are well')
  return problem.blind ? unseen(problem.because) : found(false, problem.because)
}

/** The same everywhere, and all that has to be there: what was registered since is no fault. */
const complete = (now: Survey, expected: readonly SchemaKey[]): Finding => {
  const view = registryOf(now)
  if (view === null) return unseen('the registry')
  if (!view.stored.known) return unseen(`${view.topic}: ${view.stored.why}`)
  const stored = view.stored.value.keys
  for (const { url, held } of view.instances) {
    if (!held.known) return unseen(`what ${url} holds: ${held.why}`)
    const apart = [...lacking(stored, held.value), ...lacking(held.value, stored)]
    if (apart.length > 0) return found(false, `${url} and ${view.topic} differ in ${few(apart.map(schemaName), 3)}`)
  }
  const missing = lacking(expected, stored)
  if (missing.length > 0) return found(false, `${missing.length} of ${expected.length} are missing: ${few(missing.map(schemaName), 3)}`)
  return found(true, `all ${expected.length} that have to be there, the same on ${view.instances.length} instances`)
}

const proven = (now: Survey): Finding => {
  if (!now.schemas.known) return unseen(now.schemas.why)
  const { problems, decoded, undecoded } = now.schemas.value
  const kinds = undecoded.length === 0 ? '' : `, those of ${few(undecoded)} cannot be decoded here (JSON or PROTOBUF)`
  return found(problems.length === 0, problems.length === 0 ? `records of ${decoded.length} topics decode${kinds}, a write went through` : few(problems, 3))
}

/** `expected`: what has to be there, by the manifest or as it was found. */
export const checkRegistryHealth = (now: Survey, expected: readonly SchemaKey[]): readonly Check[] => [
  { id: 'registry-answers', title: 'Every registry answers, one leads', source: 'Schema Registry', ...answering(now) },
  { id: 'registry-dependencies', title: 'What the registry needs is there', source: 'Metadata', ...dependencies(now) },
  { id: 'registry-schemas', title: 'Every subject, version and id is there', source: 'Schema Registry, its topic', ...complete(now, expected) },
  { id: 'registry-proof', title: 'It decodes, judges and writes', source: 'probe', ...proven(now) },
]
