// What is read from disks, logs and declared ports: ids are observed, and never counted from a name.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressesOf } from '../../../src/adapters/kubernetes/addresses.ts'
import { diskCommand, parseDisks } from '../../../src/adapters/kubernetes/disk.ts'
import { idInEnvironment, idInLog } from '../../../src/adapters/kubernetes/ids.ts'
import { volumesOf } from '../../../src/adapters/kubernetes/volumes.ts'
import { known } from '../../../src/model/known.ts'
import { pod, snapshot } from './objects.ts'

describe('the disk of a member, read by a shell as in any image', () => {
  let root = ''
  const folder = (...parts: string[]) => {
    const at = path.join(root, ...parts)
    mkdirSync(at, { recursive: true })
    return at
  }
  const look = (...paths: string[]) => {
    const [command = '', ...args] = diskCommand(paths)
    return parseDisks({ stdout: execFileSync(command, args, { encoding: 'utf8' }) })
  }
  const volumesAt = (mount: string, roles: ('broker' | 'zookeeper')[]) => {
    const subject = pod()
    const container = { name: 'kafka', volumeMounts: [{ name: 'data', mountPath: mount }] }
    const entry = { name: 'kafka-2', roles, pod: subject, container, set: null, deployment: null, absent: null }
    return volumesOf(entry, known(look(mount), 'disks'), snapshot(), 'kafka')
  }
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kdr disk '))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('is intact with meta.properties, in the mount or one folder below', () => {
    const meta = '#Thu Jan 15\nversion=0\nbroker.id=3\ncluster.id=a\\:b\n'
    writeFileSync(path.join(folder('top'), 'meta.properties'), meta)
    writeFileSync(path.join(folder('below', 'kafka-log0'), 'meta.properties'), meta)
    for (const disk of look(path.join(root, 'top'), path.join(root, 'below'))) {
      expect(disk.meta?.get('broker.id')).toBe('3')
      expect(disk.usableBytes).toBeGreaterThan(0)
      expect(volumesAt(disk.path, ['broker'])).toMatchObject([{ state: { value: 'intact' }, clusterId: { value: 'a:b' } }])
    }
  })

  it('is blank when it holds nothing, or only what makes a file system', () => {
    expect(volumesAt(folder('empty'), ['broker'])).toMatchObject([{ state: { known: true, value: 'blank' }, clusterId: { value: null } }])
    folder('made', 'lost+found')
    writeFileSync(path.join(root, 'made', 'bootstrap.checkpoint'), '')
    expect(volumesAt(path.join(root, 'made'), ['broker'])).toMatchObject([{ state: { value: 'blank' } }])
  })

  it('is unknown when it holds something else, or cannot be listed', () => {
    writeFileSync(path.join(folder('other', 'topic-0'), '0.log'), '')
    expect(volumesAt(path.join(root, 'other'), ['broker'])).toMatchObject([{ state: { known: false, why: 'it holds topic-0 but no meta.properties' } }])
    expect(volumesAt(path.join(root, 'nowhere'), ['broker'])).toMatchObject([{ state: { known: false, why: 'it cannot be listed' } }])
  })

  it("of ZooKeeper is intact with transactions in version-2, and names its server's id", () => {
    writeFileSync(path.join(folder('begun', 'version-2'), 'snapshot.0'), '')
    expect(volumesAt(path.join(root, 'begun'), ['zookeeper'])).toMatchObject([{ state: { value: 'blank' } }])
    writeFileSync(path.join(folder('zoo', 'version-2'), 'snapshot.10000002f'), '')
    writeFileSync(path.join(root, 'zoo', 'myid'), '2\n')
    expect(look(path.join(root, 'zoo'))[0]).toMatchObject({ zooKeeper: 'data', zxid: 0x10000002fn, myid: 2 })
    expect(volumesAt(path.join(root, 'zoo'), ['zookeeper'])).toMatchObject([{ state: { value: 'intact' }, zxid: 0x10000002fn }])
    writeFileSync(path.join(folder('fresh'), 'myid'), '2\n')
    expect(volumesAt(path.join(root, 'fresh'), ['zookeeper'])).toMatchObject([{ state: { value: 'blank' } }])
  })
})

describe('the id in a log', () => {
  it.each([
    ['[2026-01-15 03:00:00,000] INFO [KafkaServer id=3] started (kafka.server.KafkaServer)', 3],
    ['[2026-01-15 03:00:00,000] INFO [BrokerServer id=3] Transition from STARTING to STARTED (kafka.server.BrokerServer)', 3],
    ['\tbroker.id = 3', 3],
    ['\tnode.id = 101', 101],
    ['[2026-01-15 03:00:00,000] INFO [ReplicaFetcher replicaId=3, leaderId=1, fetcherId=0] Starting  (kafka.server.ReplicaFetcherThread)', 3],
    ['[2026-01-15 03:00:00,000] INFO [Partition __consumer_offsets-3 broker=3] Log loaded', 3],
    ['[2026-01-15 03:00:00,000] INFO [GroupCoordinator 3]: Starting up. (kafka.coordinator.group.GroupCoordinator)', 3],
    ['[2026-01-15 03:00:00,000] INFO [SocketServer listenerType=ZK_BROKER, nodeId=3] Created data-plane acceptor', 3],
    ['[2026-01-15 03:00:00,000] INFO [QuorumController id=101] The request from broker 3 to unfence', 101],
    ['\tnode.id = -1', null],
    ['[2026-01-15 03:00:00,000] INFO [Controller id=1, targetBrokerId=2] Node 2 disconnected.', null],
    ['[2026-01-15 03:00:00,000] INFO Registered broker 3 at path /brokers/ids/3', null],
  ])('%s', (line, id) => {
    expect(idInLog([line], ['broker'])).toBe(id)
  })

  it('is none when two are named', () => {
    expect(idInLog(['\tbroker.id = 3', '[KafkaServer id=2] starting'], ['broker'])).toBeNull()
  })

  it('of ZooKeeper is its myid', () => {
    expect(idInLog(['2026-01-15 03:00:00,000 [myid:2] - INFO  [main:QuorumPeer@1] - LOOKING'], ['zookeeper'])).toBe(2)
  })

  it('may stand in the environment, in so many words', () => {
    expect(idInEnvironment({ name: 'kafka', env: [{ name: 'KAFKA_BROKER_ID', value: '7' }] }, ['broker'])).toMatchObject({ value: 7 })
    expect(idInEnvironment({ name: 'kafka', env: [{ name: 'KAFKA_BROKER_ID', value: '-1' }] }, ['broker'])).toMatchObject({ known: false })
  })
})

describe('the addresses of a member', () => {
  const place = { pod: 'kafka-2', service: 'kafka-headless', namespace: 'kafka', ip: '10.0.0.7' }

  it("are every name its service gives it, on clients' ports only", () => {
    const ports = [
      { name: 'kafka', containerPort: 9092 },
      { name: 'jmx', containerPort: 9999 },
      { name: 'controller', containerPort: 9093 },
      { containerPort: 5555 },
    ]
    const container = { name: 'kafka', ports, env: [{ name: 'JMX_PORT', value: '5555' }] }
    expect(addressesOf(place, ['broker'], container)).toEqual([
      'kafka-2.kafka-headless.kafka.svc.cluster.local:9092',
      'kafka-2.kafka-headless.kafka.svc:9092',
      'kafka-2.kafka-headless.kafka:9092',
      'kafka-2.kafka-headless:9092',
    ])
  })

  it("leave ZooKeeper's own ports out", () => {
    const ports = [2181, 2888, 3888].map((containerPort) => ({ containerPort }))
    expect(addressesOf({ ...place, service: null, ip: null }, ['zookeeper'], { name: 'zookeeper', ports })).toEqual(['kafka-2:2181'])
  })

  it('are none of a controller that is nothing else', () => {
    expect(addressesOf(place, ['controller'], { name: 'controller', ports: [{ containerPort: 9093 }] })).toEqual([])
  })
})
