// Who else minds topics, and would undo what a restore does to them: operators that hold topics to what their own
// resources say (Strimzi's Topic Operator, strimzi-kafka-operator#2775; Confluent for Kubernetes). Pure.
import { OPERATOR_TOPICS } from '../model/contents.ts'
import type { Owner } from '../model/member.ts'
import type { Survey } from '../model/survey.ts'

const AFTERWARDS = 'its KafkaTopic resources have to say what was restored before it minds them again'

const minding = ({ name, freeTopics }: Owner): string =>
  `${name} runs these brokers: it makes topics anew as its KafkaTopic resources say, sets them back and may delete them while they are restored. First: ${freeTopics}; ${AFTERWARDS}`

const ofMembers = ({ members, target }: Survey): readonly string[] => {
  if (target.platform !== 'kubernetes') return []
  const blind = 'whether an operator minds the topics was not seen'
  const unless = 'where one does (kubectl get kafkatopics), pause it first'
  if (!members.known) return [`${blind}: ${members.why}; ${unless}`]
  const brokers = members.value.filter(({ roles }) => roles.includes('broker'))
  const owners = new Map<string, Owner>()
  for (const { owner } of brokers) if (owner.known && owner.value?.freeTopics !== undefined) owners.set(owner.value.freeTopics, owner.value)
  const unseen = brokers.find(({ owner }) => !owner.known)
  if (owners.size === 0 && unseen !== undefined && !unseen.owner.known) return [`${blind}: ${unseen.owner.why}; ${unless}`]
  return [...owners.values()].map(minding)
}

const keeping = (topics: Iterable<string>): readonly string[] => [...topics].filter((name) => OPERATOR_TOPICS.has(name))

/** Worth knowing before topics are made, a line each. `source`: all that the backup's cluster had. */
export const topicOperators = (now: Survey, source: readonly string[]): readonly string[] => {
  const here = now.contents.known ? keeping(now.contents.value.topics.keys()) : []
  const there = keeping(source)
  const stop = "stop Strimzi's Topic Operator (the entity operator) until the restore is over"
  return [
    ...ofMembers(now),
    ...(here.length > 0
      ? [`${here.join(' and ')} in this cluster: a Topic Operator that works by it deletes topics which have no KafkaTopic resource; ${stop}`]
      : []),
    ...(here.length === 0 && there.length > 0
      ? [`the backup's cluster had ${there.join(' and ')}: where a Topic Operator minds this one too, ${stop}, and let it have its KafkaTopic resources first`]
      : []),
  ]
}
