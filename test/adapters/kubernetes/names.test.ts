// What a name stands for inside a cluster, by the rules of its DNS.
import { describe, expect, it } from 'vitest'
import { isClusterName, meaningsOf } from '../../../src/adapters/kubernetes/names.ts'

const pod = (name: string, subdomain: string | null, namespace = 'kafka') => ({ kind: 'pod', namespace, pod: name, subdomain })
const service = (name: string, namespace = 'kafka') => ({ kind: 'service', namespace, service: name })

describe('what a name means', () => {
  it.each([
    ['kafka-service', [service('kafka-service'), pod('kafka-service', null)]],
    ['kafka-2.kafka-headless', [pod('kafka-2', 'kafka-headless')]],
    ['kafka-service.kafka', [pod('kafka-service', 'kafka'), service('kafka-service')]],
    ['kafka-2.kafka-headless.kafka', [pod('kafka-2', 'kafka-headless')]],
    ['kafka-service.other.svc', [service('kafka-service', 'other')]],
    ['kafka-service.other.svc.cluster.local', [service('kafka-service', 'other')]],
    ['kafka-2.kafka-headless.other', []],
    ['broker.example.com', []],
    ['example.com', [pod('example', 'com')]],
    ['kafka-2.kafka-headless.other.svc', [pod('kafka-2', 'kafka-headless', 'other')]],
    ['KAFKA-2.kafka-headless.other.svc.my.own.domain.', [pod('kafka-2', 'kafka-headless', 'other')]],
    ['10.1.2.3', [{ kind: 'address', namespace: 'kafka', ip: '10.1.2.3' }]],
    ['fd00::7', [{ kind: 'address', namespace: 'kafka', ip: 'fd00::7' }]],
    ['broker.west.example.com', []],
    ['kafka.svc', []],
    ['a_b', []],
    ['', []],
  ])('%s', (host, meanings) => {
    expect(meaningsOf(host, 'kafka')).toEqual(meanings)
  })

  it('is never anything outside where it ends as names of the cluster do', () => {
    const names = ['kafka.svc', 'kafka-service.other.svc', 'kafka-service.other.svc.cluster.local', 'kafka-2.headless.other.svc.my.own.domain.']
    expect(names.filter(isClusterName)).toEqual(names)
    expect(['kafka-2', 'kafka-2.kafka-headless', 'broker.example.com', 'svc.example.com', '10.1.2.3', ''].filter(isClusterName)).toEqual([])
  })
})
