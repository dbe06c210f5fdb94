// Who else manages a member, by metadata alone, and what it is to be asked instead.
import { describe, expect, it } from 'vitest'
import { type Owned, ownerOf } from '../../../src/adapters/kubernetes/owners.ts'

const owned = (parts: Partial<Owned> & { readonly kind?: string }): Owned => ({
  kind: 'Pod',
  name: 'my-kafka-2',
  labels: {},
  annotations: {},
  controller: null,
  ...parts,
})
const set = (parts: Partial<Owned>): Owned => owned({ kind: 'StatefulSet', name: 'kafka', ...parts })

describe('the owner of a member', () => {
  it('is nobody where nothing says so', () => {
    expect(ownerOf([owned({ labels: { app: 'kafka' } }), set({ labels: { app: 'kafka' } })], 'kafka')).toBeNull()
  })

  it('is Strimzi, by label', () => {
    expect(ownerOf([owned({ labels: { 'strimzi.io/cluster': 'my', 'strimzi.io/kind': 'Kafka' } })], 'kafka')).toEqual({
      name: 'Strimzi',
      minds: 'restart',
      instead: 'kubectl -n kafka annotate pod my-kafka-2 strimzi.io/manual-rolling-update="true"',
      pause: 'kubectl -n kafka annotate kafka my strimzi.io/pause-reconciliation="true"',
      freeTopics: 'kubectl -n kafka annotate kafkatopics -l strimzi.io/cluster=my strimzi.io/managed="false"',
    })
  })

  it('is Strimzi, by its StrimziPodSet alone', () => {
    const controller = { kind: 'StrimziPodSet', name: 'my-kafka', apiVersion: 'core.strimzi.io/v1beta2' }
    const freeTopics = 'kubectl -n kafka annotate kafkatopics --all strimzi.io/managed="false"'
    expect(ownerOf([owned({ controller })], 'kafka')).toMatchObject({ name: 'Strimzi', pause: null, freeTopics })
  })

  it('is Confluent for Kubernetes, which rolls brokers by their resource only', () => {
    const controller = { kind: 'Kafka', name: 'kafka', apiVersion: 'platform.confluent.io/v1beta1' }
    const owner = ownerOf([owned({ name: 'kafka-2', labels: { 'platform.confluent.io/type': 'kafka' } }), set({ controller })], 'confluent')
    expect(owner).toMatchObject({ name: 'Confluent for Kubernetes', minds: 'restart' })
    expect(owner?.instead).toContain('kubectl -n confluent patch kafka kafka --type merge')
    expect(owner?.instead).toContain('kafkacluster-manual-roll')
    expect(owner?.pause).toBe('kubectl -n confluent annotate kafka kafka platform.confluent.io/block-reconcile=true')
    expect(owner?.freeTopics).toBe('kubectl -n confluent annotate kafkatopics --all platform.confluent.io/block-reconcile=true')
  })

  it('is Argo CD, by the label or the tracking id of what controls it', () => {
    const pause = 'argocd app set streaming --sync-policy none'
    expect(ownerOf([owned({}), set({ labels: { 'argocd.argoproj.io/instance': 'streaming' } })], 'kafka')).toMatchObject({
      name: 'Argo CD',
      minds: 'spec',
      pause,
    })
    const tracked = { 'argocd.argoproj.io/tracking-id': 'streaming:apps/StatefulSet:kafka/kafka' }
    expect(ownerOf([owned({}), set({ annotations: tracked })], 'kafka')).toMatchObject({ name: 'Argo CD', pause })
  })

  it('is Flux, by kustomization and by Helm release', () => {
    const kustomize = { 'kustomize.toolkit.fluxcd.io/name': 'streaming', 'kustomize.toolkit.fluxcd.io/namespace': 'gitops' }
    expect(ownerOf([owned({}), set({ labels: kustomize })], 'kafka')).toMatchObject({
      name: 'Flux',
      minds: 'spec',
      pause: 'flux suspend kustomization streaming -n gitops',
    })
    const release = { 'helm.toolkit.fluxcd.io/name': 'kafka', 'helm.toolkit.fluxcd.io/namespace': 'gitops', 'app.kubernetes.io/managed-by': 'Helm' }
    expect(ownerOf([owned({}), set({ labels: release })], 'kafka')).toMatchObject({ name: 'Flux', pause: 'flux suspend helmrelease kafka -n gitops' })
  })

  it('is Helm, and the Bitnami chart by its chart label', () => {
    const labels = {
      'helm.sh/chart': 'kafka-26.8.5',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/instance': 'prod',
      'app.kubernetes.io/component': 'broker',
    }
    expect(ownerOf([owned({ labels }), set({ labels })], 'kafka')).toMatchObject({ name: 'the Bitnami chart (Helm)', minds: 'spec', pause: null })
    const other = { 'app.kubernetes.io/managed-by': 'Helm' }
    const annotations = { 'meta.helm.sh/release-name': 'prod' }
    const owner = ownerOf([owned({}), set({ labels: other, annotations })], 'kafka')
    expect(owner).toMatchObject({ name: 'Helm', minds: 'spec' })
    expect(owner?.instead).toContain('helm -n kafka upgrade prod')
  })

  it('is the one that restarts, where one that declares is there too', () => {
    const labels = { 'strimzi.io/cluster': 'my', 'argocd.argoproj.io/instance': 'streaming' }
    expect(ownerOf([owned({ labels })], 'kafka')?.name).toBe('Strimzi')
  })
})
