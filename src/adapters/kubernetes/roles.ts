// What a pod is, by labels and by what its container is told to be. A pod whose name merely contains
// "kafka" is nothing of ours.
import type { V1Container } from '@kubernetes/client-node'
import type { Role } from '../../model/member.ts'
import { type Labels, matches, parseSelector, type Selector } from './selectors.ts'

export type RoleSelectors = readonly (readonly [Role, Selector])[]

/** Labels of the runbook's deployment, of Confluent for Kubernetes (platform.confluent.io/type) and of the Bitnami charts. */
const DEFAULTS: Readonly<Record<Role, readonly string[]>> = {
  broker: ['app=kafka', 'platform.confluent.io/type=kafka', 'app.kubernetes.io/name=kafka,app.kubernetes.io/component in (broker,kafka)'],
  controller: [
    'app=controller',
    'platform.confluent.io/type=kraftcontroller',
    'app.kubernetes.io/name=kafka,app.kubernetes.io/component in (controller,controller-eligible)',
  ],
  zookeeper: [
    'app=zookeeper',
    'platform.confluent.io/type=zookeeper',
    'app.kubernetes.io/name=zookeeper,!strimzi.io/kind,app.kubernetes.io/component in (zookeeper)',
  ],
  'schema-registry': ['app=schema-registry', 'platform.confluent.io/type=schemaregistry', 'app.kubernetes.io/name=schema-registry'],
  connect: ['app=kafka-connect', 'platform.confluent.io/type=connect', 'strimzi.io/kind=KafkaConnect'],
  service: [],
}

/** The configured selector of a role takes the place of that role's defaults. Throws `bad-selector`. */
export const roleSelectors = (configured: Readonly<Partial<Record<Role, string>>>): RoleSelectors =>
  (Object.keys(DEFAULTS) as Role[]).flatMap((role) => {
    const own = configured[role]
    return (own === undefined ? DEFAULTS[role] : [own]).map((text) => [role, parseSelector(text)] as const)
  })

/** Strimzi's own labels (LabelUtils): every operand of a Kafka resource has kind=Kafka, the exporter and the entity operator too. */
const strimziRoles = (labels: Labels): readonly Role[] | null => {
  if (labels['strimzi.io/kind'] !== 'Kafka') return null
  const [cluster, name] = [labels['strimzi.io/cluster'] ?? '', labels['strimzi.io/name'] ?? '']
  if (name === `${cluster}-zookeeper`) return ['zookeeper']
  const said: Role[] = [
    ...(labels['strimzi.io/broker-role'] === 'true' ? (['broker'] as const) : []),
    ...(labels['strimzi.io/controller-role'] === 'true' ? (['controller'] as const) : []),
  ]
  // Before node pools (0.36), brokers carried no role label.
  return said.length === 0 && labels['strimzi.io/broker-role'] === undefined && name === `${cluster}-kafka` ? ['broker'] : said
}

export const envOf = (container: V1Container | undefined, ...names: readonly string[]): string | undefined =>
  container?.env?.find(({ name, value }) => names.includes(name) && value !== undefined && value !== '')?.value

/** process.roles, where the container is told them in so many words (cp-kafka, apache/kafka, bitnami). */
const processRoles = (container: V1Container | undefined): readonly Role[] => {
  const text = envOf(container, 'KAFKA_PROCESS_ROLES', 'KAFKA_CFG_PROCESS_ROLES') ?? ''
  return (['broker', 'controller'] as const).filter((role) => text.split(',').some((word) => word.trim() === role))
}

/** Bitnami's controller-eligible nodes are brokers too unless told to control only: then they have no client port. */
const isCombined = (labels: Labels, container: V1Container | undefined): boolean =>
  labels['app.kubernetes.io/component'] === 'controller-eligible' && (container?.ports ?? []).some(({ name }) => name === 'client')

export const rolesOf = (labels: Labels, container: V1Container | undefined, selectors: RoleSelectors): readonly Role[] => {
  const byStrimzi = strimziRoles(labels)
  const found = byStrimzi ?? [...new Set(selectors.filter(([, selector]) => matches(labels, selector)).map(([role]) => role))]
  if (!found.includes('broker') && !found.includes('controller')) return found
  const told = processRoles(container)
  if (told.length > 0) return told
  return isCombined(labels, container) ? [...new Set<Role>(['broker', ...found])] : found
}
