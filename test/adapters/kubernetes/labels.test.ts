// Who is a member: by labels as kubectl selects them, and as operators and charts set them.
import { describe, expect, it } from 'vitest'
import { roleSelectors, rolesOf } from '../../../src/adapters/kubernetes/roles.ts'
import { matches, parseSelector, selects } from '../../../src/adapters/kubernetes/selectors.ts'
import { KdrError } from '../../../src/errors.ts'

const labels = { app: 'kafka', tier: 'data', 'app.kubernetes.io/name': 'kafka' }

describe('a label selector', () => {
  it.each([
    ['app=kafka', true],
    ['app==kafka', true],
    ['app!=kafka', false],
    ['app=kafka,tier=data', true],
    ['app=kafka,tier=web', false],
    ['tier in (data, web),app', true],
    ['tier notin (data)', false],
    ['zone notin (a)', true],
    ['zone!=a', true],
    ['zone', false],
    ['!zone', true],
    ['app.kubernetes.io/name=kafka', true],
  ])('%s: %s', (text, holds) => {
    expect(matches(labels, parseSelector(text))).toBe(holds)
  })

  it('refuses what is none, as a mistake in the configuration', () => {
    for (const text of ['', 'app kafka', 'tier in data', 'app=a b']) expect(() => parseSelector(text)).toThrow(KdrError)
  })

  it('of an object selects everything when it is empty, and nothing when it is missing', () => {
    expect(selects({}, labels)).toBe(true)
    expect(selects(undefined, labels)).toBe(false)
    expect(selects({ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['data'] }] }, labels)).toBe(false)
    expect(selects({ matchLabels: { app: 'kafka' }, matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, labels)).toBe(true)
  })
})

describe('the roles of a pod', () => {
  const defaults = roleSelectors({})
  const role = (of: Record<string, string>, container?: Parameters<typeof rolesOf>[1]) => rolesOf(of, container, defaults)
  const strimzi = (name: string, more: Record<string, string> = {}) => ({
    'strimzi.io/kind': 'Kafka',
    'strimzi.io/cluster': 'my',
    'strimzi.io/name': name,
    ...more,
  })

  it.each([
    ['the runbook: broker', { app: 'kafka' }, ['broker']],
    ['the runbook: ZooKeeper', { app: 'zookeeper' }, ['zookeeper']],
    ['the runbook: controller', { app: 'controller' }, ['controller']],
    ['the runbook: registry', { app: 'schema-registry' }, ['schema-registry']],
    ['the runbook: Connect', { app: 'kafka-connect' }, ['connect']],
    ['a look-alike', { app: 'kafka-ui' }, []],
    ['nothing', {}, []],
    ['Strimzi: broker', strimzi('my-kafka', { 'strimzi.io/broker-role': 'true', 'strimzi.io/controller-role': 'false' }), ['broker']],
    ['Strimzi: both', strimzi('my-dual', { 'strimzi.io/broker-role': 'true', 'strimzi.io/controller-role': 'true' }), ['broker', 'controller']],
    ['Strimzi before node pools', strimzi('my-kafka'), ['broker']],
    ['Strimzi: ZooKeeper', strimzi('my-zookeeper', { 'app.kubernetes.io/name': 'zookeeper' }), ['zookeeper']],
    ['Strimzi: exporter', strimzi('my-kafka-exporter'), []],
    ['Strimzi: entity operator', strimzi('my-entity-operator', { 'app.kubernetes.io/name': 'entity-operator' }), []],
    ['Bitnami: broker', { 'app.kubernetes.io/name': 'kafka', 'app.kubernetes.io/component': 'broker' }, ['broker']],
    ['Bitnami: controller', { 'app.kubernetes.io/name': 'kafka', 'app.kubernetes.io/component': 'controller-eligible' }, ['controller']],
    ['Bitnami: metrics', { 'app.kubernetes.io/name': 'kafka', 'app.kubernetes.io/component': 'metrics' }, []],
    ['Confluent: broker', { 'platform.confluent.io/type': 'kafka', app: 'kafka' }, ['broker']],
    ['Confluent: KRaft', { 'platform.confluent.io/type': 'kraftcontroller' }, ['controller']],
    ['Confluent: Control Center', { 'platform.confluent.io/type': 'controlcenter' }, []],
  ])('%s', (_, of, roles) => {
    expect(role(of as Record<string, string>)).toEqual(roles)
  })

  it('are what the container is told they are, where it says', () => {
    const combined = { name: 'kafka', env: [{ name: 'KAFKA_PROCESS_ROLES', value: 'broker, controller' }] }
    expect(role({ app: 'kafka' }, combined)).toEqual(['broker', 'controller'])
    expect(role({ app: 'zookeeper' }, combined)).toEqual(['zookeeper'])
  })

  it("of Bitnami's controller-eligible nodes follow the client port", () => {
    const of = { 'app.kubernetes.io/name': 'kafka', 'app.kubernetes.io/component': 'controller-eligible' }
    expect(role(of, { name: 'kafka', ports: [{ name: 'client', containerPort: 9092 }] })).toEqual(['broker', 'controller'])
  })

  it('by a configured selector take the place of the defaults of that role only', () => {
    const own = roleSelectors({ broker: 'service=stream' })
    expect(rolesOf({ app: 'kafka' }, undefined, own)).toEqual([])
    expect(rolesOf({ service: 'stream' }, undefined, own)).toEqual(['broker'])
    expect(rolesOf({ app: 'zookeeper' }, undefined, own)).toEqual(['zookeeper'])
  })
})
