// Operators that would undo a restore are named, with what keeps them off; nobody is accused where none is.
import { describe, expect, it } from 'vitest'
import { topicOperators } from '../../src/judgement/topic-operators.ts'
import type { Contents } from '../../src/model/contents.ts'
import type { Owner } from '../../src/model/member.ts'
import type { Survey } from '../../src/model/survey.ts'
import { blind, changeMember, healthy, seen } from '../helpers/survey.ts'

const STORE = '__strimzi_store_topic'
const strimzi: Owner = {
  name: 'Strimzi',
  minds: 'restart',
  instead: 'x',
  pause: null,
  freeTopics: 'kubectl -n kafka annotate kafkatopics --all strimzi.io/managed="false"',
}
const argo: Owner = { name: 'Argo CD', minds: 'spec', instead: 'x', pause: null }

const onKubernetes = (owner: Owner | null): Survey => {
  const survey = healthy()
  const all = survey.members.known ? survey.members.value : []
  return all.reduce<Survey>((now, { name }) => changeMember(now, name, { owner: seen(owner) }), {
    ...survey,
    target: { ...survey.target, platform: 'kubernetes' as const },
  })
}

const holding = (survey: Survey, ...topics: readonly string[]): Survey => {
  const held = { partitions: [], replicationFactor: 1, overrides: seen(new Map<string, string>()) }
  const contents: Contents = { brokers: 3, topics: new Map(topics.map((name) => [name, held])), complete: seen(true), defaults: blind }
  return { ...survey, contents: seen(contents) }
}

describe('operators that mind topics', () => {
  it('are nobody where nothing says so', () => {
    expect(topicOperators(holding(healthy(), 'orders'), ['orders'])).toEqual([])
    expect(topicOperators(onKubernetes(null), ['orders'])).toEqual([])
    // It puts back what it declared, which are no topics.
    expect(topicOperators(onKubernetes(argo), ['orders'])).toEqual([])
  })

  it('are told of once, by whoever runs the brokers, with the command that takes the topics from them', () => {
    const notes = topicOperators(onKubernetes(strimzi), [])
    expect(notes).toEqual([
      expect.stringMatching(/^Strimzi runs these brokers: .*First: kubectl -n kafka annotate kafkatopics --all strimzi.io\/managed="false"; /),
    ])
  })

  it('are unknown where nobody saw who runs the brokers', () => {
    const survey = onKubernetes(null)
    const broker = survey.members.known ? survey.members.value.find(({ roles }) => roles.includes('broker'))?.name : undefined
    expect(topicOperators({ ...survey, members: blind }, [])).toEqual([expect.stringMatching(/was not seen: the port timed out; .*kubectl get kafkatopics/)])
    expect(topicOperators(changeMember(survey, broker ?? '', { owner: blind }), [])).toEqual([expect.stringContaining('was not seen')])
    expect(topicOperators({ ...healthy(), members: blind }, [])).toEqual([])
  })

  it('are told of by what they keep in topics, here or where the backup was made', () => {
    expect(topicOperators(holding(healthy(), 'orders', STORE), [STORE])).toEqual([
      expect.stringMatching(/^__strimzi_store_topic in this cluster: .*deletes topics .*stop Strimzi's Topic Operator/),
    ])
    expect(topicOperators(holding(healthy(), 'orders'), ['orders', STORE])).toEqual([expect.stringMatching(/^the backup's cluster had __strimzi_store_topic/)])
  })
})
