// The platform contract on a real Kubernetes, from outside of it: the runbook's deployment.
import { afterAll, beforeAll, describe } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { type KubernetesSettings, openKubernetes } from '../../src/adapters/kubernetes/open-kubernetes.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { fileReader } from '../../src/adapters/system/files.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { openKubernetesFaults } from '../../src/lab/kubernetes/faults.ts'
import { platformContract } from '../contract/platform.contract.ts'
import type { Subject } from '../contract/subject.ts'
import { deploy, KUBECONFIG } from './harness.ts'

const REQUEST = 5000

const open = (kind: Subject['mode'], namespace: string) => {
  const settings: KubernetesSettings = { cluster: namespace, kubeconfig: KUBECONFIG, context: null, namespace, selectors: {}, env: process.env }
  const platform = openKubernetes(settings)
  const { dial } = platform
  const endpoints = [0, 1, 2].map((pod) => `kafka-${pod}.kafka-headless.${namespace}.svc.cluster.local:9092`)
  const servers = kind === 'zookeeper' ? [0, 1, 2].map((pod) => `zookeeper-${pod}.zookeeper-headless:2181`) : []
  const kafka = openKafka({ bootstrap: endpoints, clientId: 'kdr-contract', tls: null, sasl: null, dial, requestTimeout: REQUEST })
  const registry = openSchemaRegistry({ dial, ca: null, auth: null, timeout: 3000 })
  const coordination = servers.length === 0 ? null : openZooKeeper({ servers, dial, timeout: REQUEST })
  const subject: Subject = {
    mode: kind,
    ports: { clock: systemClock(), platform, kafka, backup: kafka, coordination, connect: null, registry, files: fileReader() },
    write: { platform, kafka, probe: kafka, restore: kafka, registry },
    faults: openKubernetesFaults(settings),
    endpoints,
    zookeeperServers: servers,
  }
  const close = async (): Promise<void> => {
    await kafka.close()
    await coordination?.close()
    await platform.close()
  }
  return { subject, close }
}

export const kubernetesContract = (kind: Subject['mode']): void => {
  describe(`Kafka on ${kind} in Kubernetes`, () => {
    let opened: ReturnType<typeof open> | null = null
    beforeAll(() => {
      // The one that recoveries are tested on: put back first, whatever they left of it.
      const namespace = `kdr-test-${kind}`
      deploy(kind, namespace)
      opened = open(kind, namespace)
    })
    afterAll(() => opened?.close())
    const subject = async (): Promise<Subject> => {
      if (opened === null) throw new Error('the deployment is not up')
      return opened.subject
    }
    platformContract(kind, subject, 'always')
  })
}
