// What a registry cannot start without, and what no restart can heal.
import { look, type Step } from '../../engine/step.ts'
import { diagnose } from '../../judgement/diagnose.ts'
import { dependencyProblem, duplicateUrls, registryOf } from '../../judgement/registry.ts'
import { known } from '../../model/known.ts'
import type { Survey } from '../../model/survey.ts'
import { withRegistry } from '../../survey/project.ts'
import { minutes, seconds } from '../../units.ts'

/** The Kafka repair: as diagnosed, else the topic to look at. */
const repairFor = (now: Survey, topic: string): string => {
  const { verdict, next } = diagnose(now)
  return next.length > 0 && verdict !== 'schema-registry' ? `kdr ${next.join(' ')}` : `kafka-topics --describe --topic ${topic}`
}

const HOLDS = 'its topic has one partition, compact, led and in sync, and its group has a coordinator'

export const checkDependencies = (): Step =>
  look<{ readonly topic: string }>({
    id: 'check-dependencies',
    title: 'Check what it depends on',
    why: 'A registry that restarts without its topic or its group does not come back; one that finds no topic makes an empty one without a word.',
    effect: 'read',
    aspects: ['partitions', 'registry', 'schemas'],
    budget: { expected: seconds(3), deadline: minutes(3) },
    resolve: async (world) => {
      const now = await world.survey()
      const topic = registryOf(now)?.topic ?? '_schemas'
      const problem = dependencyProblem(now)
      if (problem === null) return { target: { topic } }
      const hint = problem.instead ?? repairFor(now, topic)
      if (problem.blind) return { unknown: problem.because, hint }
      return { blocked: `${problem.because}: ${problem.instead === undefined ? 'mend Kafka first and leave' : 'leave'} the registry alone`, hint }
    },
    preview: ({ topic }, commands) => ({
      sentence: `${topic}: ${HOLDS}`,
      changes: [],
      commands: [commands.kafka('kafka-topics', ['--describe', '--topic', topic])],
    }),
    expect: (now) => now,
    done: () => ({ state: 'done', detail: HOLDS }),
  })

export const checkUrls = (): Step =>
  look<{ readonly urls: readonly string[] }>({
    id: 'check-urls',
    title: 'Check that every instance advertises a URL of its own',
    why: 'Two that advertise the same one elect no leader, however often they are restarted.',
    effect: 'read',
    aspects: ['registry', 'schemas'],
    // After anything has happened to one of them the group is rebalancing for some seconds.
    budget: { expected: seconds(5), deadline: minutes(2) },
    resolve: async (world) => {
      const now = await world.survey()
      const view = registryOf(now)
      if (view === null) return { unknown: 'the registry was not seen' }
      const [twice] = duplicateUrls(now)
      if (twice === undefined) return { target: { urls: view.identities.known ? view.identities.value.map(({ url }) => url) : [] } }
      return {
        blocked: `more than one instance advertises ${twice}: they elect no leader, and a restart changes nothing`,
        hint: 'set host.name (SCHEMA_REGISTRY_HOST_NAME), or another port in listeners (SCHEMA_REGISTRY_LISTENERS), of each to its own, then restart them',
      }
    },
    preview: ({ urls }) => ({ sentence: `they advertise ${urls.join(', ') || 'nothing, none is in the group'}`, changes: [], commands: [] }),
    expect: (now) => withRegistry(now, (view) => (view.identities.known ? view : { ...view, identities: known([], 'projected') })),
    done: (now) => {
      const view = registryOf(now)
      if (view === null || !view.identities.known)
        return {
          state: 'unknown',
          detail: `what its instances advertise was not seen: ${view === null || view.identities.known ? 'no registry' : view.identities.why}`,
        }
      const [twice] = duplicateUrls(now)
      const detail = view.identities.value.map(({ url }) => url).join(', ') || 'none is in the group'
      return twice === undefined ? { state: 'done', detail } : { state: 'under-way', detail, hopeless: `more than one instance advertises ${twice}` }
    },
  })
