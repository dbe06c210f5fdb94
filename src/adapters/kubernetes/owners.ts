// Who else manages a member: an operator that restarts it in its own way, or a tool that puts back what
// it declared. Told from owner references, labels and annotations only; kdr does not fight them.
import type { Owner } from '../../model/member.ts'

/** Metadata of the pod, and of what controls it, in that order. */
export interface Owned {
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly controller: { readonly kind: string; readonly name: string; readonly apiVersion: string } | null
}

type Rule = (chain: readonly Owned[], namespace: string) => Owner | null

const labelIn = (chain: readonly Owned[], key: string): string | undefined => chain.map(({ labels }) => labels[key]).find((value) => value !== undefined)

const annotationIn = (chain: readonly Owned[], key: string): string | undefined =>
  chain.map(({ annotations }) => annotations[key]).find((value) => value !== undefined)

const controlledBy = (chain: readonly Owned[], group: string): Owned['controller'] =>
  chain.map(({ controller }) => controller).find((controller) => controller?.apiVersion.startsWith(`${group}/`)) ?? null

/** Its Cluster Operator rolls annotated pods itself, brokers in sync first (KafkaRoller). */
const strimzi: Rule = (chain, namespace) => {
  const cluster = labelIn(chain, 'strimzi.io/cluster')
  if (cluster === undefined && controlledBy(chain, 'core.strimzi.io') === null) return null
  const kind =
    { KafkaConnect: 'kafkaconnect', KafkaMirrorMaker2: 'kafkamirrormaker2', KafkaBridge: 'kafkabridge' }[labelIn(chain, 'strimzi.io/kind') ?? ''] ?? 'kafka'
  return {
    name: 'Strimzi',
    minds: 'restart',
    instead: `kubectl -n ${namespace} annotate pod ${chain[0]?.name} strimzi.io/manual-rolling-update="true"`,
    pause: cluster === undefined ? null : `kubectl -n ${namespace} annotate ${kind} ${cluster} strimzi.io/pause-reconciliation="true"`,
    freeTopics: `kubectl -n ${namespace} annotate kafkatopics ${cluster === undefined ? '--all' : `-l strimzi.io/cluster=${cluster}`} strimzi.io/managed="false"`,
  }
}

/** platform.confluent.io/type → the kind of its custom resource. */
const CONFLUENT_KINDS: Readonly<Record<string, string>> = {
  kafka: 'kafka',
  kraftcontroller: 'kraftcontroller',
  zookeeper: 'zookeeper',
  schemaregistry: 'schemaregistry',
  connect: 'connect',
}

/** Kafka and KRaft are rolled by a changed pod template annotation only (docs: co-roll-cluster); the rest by their StatefulSet. */
const confluent: Rule = (chain, namespace) => {
  const type = labelIn(chain, 'platform.confluent.io/type')
  const controller = controlledBy(chain, 'platform.confluent.io')
  if (type === undefined && controller === null) return null
  const kind = CONFLUENT_KINDS[type ?? ''] ?? controller?.kind.toLowerCase() ?? 'kafka'
  const name = controller?.name ?? chain.find((owned) => owned.kind === 'StatefulSet')?.name ?? kind
  const roll = `{"spec":{"podTemplate":{"annotations":{"kafkacluster-manual-roll":"<a value it did not have before>"}}}}`
  return {
    name: 'Confluent for Kubernetes',
    minds: 'restart',
    instead:
      kind === 'kafka' || kind === 'kraftcontroller'
        ? `kubectl -n ${namespace} patch ${kind} ${name} --type merge -p '${roll}'`
        : `kubectl -n ${namespace} rollout restart statefulset/${name}`,
    pause: `kubectl -n ${namespace} annotate ${kind} ${name} platform.confluent.io/block-reconcile=true`,
    freeTopics: `kubectl -n ${namespace} annotate kafkatopics --all platform.confluent.io/block-reconcile=true`,
  }
}

/** Of `group_kind:namespace/name` in its tracking id, and of the older label. */
const argo: Rule = (chain) => {
  const tracked = annotationIn(chain, 'argocd.argoproj.io/tracking-id')?.split(':')[0]
  const app = tracked ?? labelIn(chain, 'argocd.argoproj.io/instance')
  if (app === undefined) return null
  return {
    name: 'Argo CD',
    minds: 'spec',
    instead: `change it where ${app} is declared, then: argocd app sync ${app}`,
    pause: `argocd app set ${app} --sync-policy none`,
  }
}

const flux: Rule = (chain) => {
  const kinds = { kustomization: 'kustomize.toolkit.fluxcd.io', helmrelease: 'helm.toolkit.fluxcd.io' }
  for (const [kind, group] of Object.entries(kinds)) {
    const name = labelIn(chain, `${group}/name`)
    if (name === undefined) continue
    const where = `${kind} ${name} -n ${labelIn(chain, `${group}/namespace`) ?? 'flux-system'}`
    return { name: 'Flux', minds: 'spec', instead: `change it where ${name} is declared, then: flux reconcile ${where}`, pause: `flux suspend ${where}` }
  }
  return null
}

/** Helm changes nothing by itself; the next upgrade puts back what its values say. */
const helm: Rule = (chain, namespace) => {
  const chart = labelIn(chain, 'helm.sh/chart') ?? labelIn(chain, 'chart')
  const managed = labelIn(chain, 'app.kubernetes.io/managed-by') === 'Helm' || labelIn(chain, 'heritage') === 'Helm'
  if (!managed && chart === undefined) return null
  const release = annotationIn(chain, 'meta.helm.sh/release-name') ?? labelIn(chain, 'app.kubernetes.io/instance') ?? '<release>'
  // Bitnami's labels: name=kafka of its chart kafka-<version>, and components of its own naming.
  const bitnami = /^(?:kafka|zookeeper)-\d/.test(chart ?? '') && labelIn(chain, 'app.kubernetes.io/component') !== undefined
  return {
    name: bitnami ? 'the Bitnami chart (Helm)' : 'Helm',
    minds: 'spec',
    instead: `helm -n ${namespace} upgrade ${release} <chart> --reuse-values --set <what shall change>`,
    pause: null,
  }
}

/** Operators first: what they restart matters more than who declared them. */
const RULES: readonly Rule[] = [strimzi, confluent, argo, flux, helm]

/** Pure. null: nobody but Kubernetes itself. */
export const ownerOf = (chain: readonly Owned[], namespace: string): Owner | null => {
  for (const rule of RULES) {
    const owner = rule(chain, namespace)
    if (owner !== null) return owner
  }
  return null
}
