// Lines of real brokers (3.5.2 with ZooKeeper, 4.3.1 with KRaft) that were made to fail on purpose; shortened.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogSignal } from '../../src/model/member.ts'
import { recognise } from '../../src/survey/log-signals.ts'

const read = (name: string): readonly string[] => readFileSync(new URL(`logs/${name}.txt`, import.meta.url), 'utf8').split('\n')
const kinds = (lines: readonly string[]): readonly LogSignal['kind'][] => recognise(lines).map((signal) => signal.kind)
const distinct = (lines: readonly string[]): readonly string[] => [...new Set(kinds(lines))].sort()

describe('logs of real brokers', () => {
  const logs: readonly (readonly [string, readonly string[]])[] = [
    ['3.5.2-normal', ['started']],
    ['3.5.2-recovery', ['started']],
    ['3.5.2-nodeexists', ['fatal', 'node-exists']],
    ['3.5.2-sigterm', ['controlled-shutdown']],
    ['3.5.2-clusterid', ['fatal', 'inconsistent-cluster-id']],
    ['3.5.2-brokerid', ['fatal', 'inconsistent-broker-id']],
    ['3.5.2-config', ['bad-configuration', 'fatal']],
    ['4.3.1-normal', ['started']],
    ['4.3.1-restart-after-kill', ['node-exists', 'started']],
    ['4.3.1-sigterm', ['controlled-shutdown']],
    ['4.3.1-clusterid', ['inconsistent-cluster-id']],
    ['4.3.1-brokerid', ['fatal', 'inconsistent-broker-id']],
    ['4.3.1-not-formatted', ['fatal', 'not-formatted']],
    ['4.3.1-port', ['fatal', 'port-in-use']],
    ['4.3.1-config', ['bad-configuration', 'fatal']],
  ]
  it.each(logs)('%s', (name, expected) => {
    expect(distinct(read(name))).toEqual(expected)
  })

  it('sees log recovery while it lasts, with its newest line, and not afterwards', () => {
    const lines = read('3.5.2-nodeexists')
    const over = lines.findIndex((line) => /Loaded \d+ logs in/.test(line))
    expect(over).toBeGreaterThan(0)
    const during = recognise(lines.slice(0, over))
    expect(during.map((signal) => signal.kind)).toEqual(['log-recovery'])
    expect(during[0]?.line).toMatch(/Recovering unflushed segment/)
    expect(kinds(lines.slice(0, over + 1))).toEqual([])
  })

  it('forgets what an earlier incarnation said', () => {
    expect(distinct([...read('3.5.2-clusterid'), ...read('3.5.2-normal')])).toEqual(['started'])
    expect(distinct([...read('3.5.2-normal'), ...read('3.5.2-nodeexists')])).toEqual(['fatal', 'node-exists'])
  })
})

describe('single lines', () => {
  const lines: readonly (readonly [LogSignal['kind'] | null, string])[] = [
    ['out-of-memory', '[2026-01-15 03:00:00,000] ERROR Exception in thread (kafka) java.lang.OutOfMemoryError: Java heap space'],
    ['out-of-memory', '# There is insufficient memory for the Java Runtime Environment to continue.'],
    ['disk-full', 'java.io.IOException: No space left on device'],
    ['inconsistent-cluster-id', 'java.lang.RuntimeException: Invalid cluster.id in: /data/meta.properties. Expected A, but read B'],
    ['log-dir-failure', '[..] ERROR Shutdown broker because all log dirs in /data have failed (kafka.log.LogManager)'],
    [
      'log-dir-failure',
      'org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in /data. A Kafka instance in another process or thread is using this directory.',
    ],
    ['port-in-use', 'Caused by: java.net.BindException: Address already in use'],
    ['fatal', 'kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting for connection while in state: CONNECTING'],
    ['started', '[..] INFO [KafkaRaftServer nodeId=-1] Kafka Server started (kafka.server.KafkaRaftServer)'],
    [null, '[..] INFO [BrokerServer id=3] Transition from STARTING to STARTED (kafka.server.BrokerServer)'],
    [null, '[..] INFO Skipping recovery of 6 logs from /data since clean shutdown file was found (kafka.log.LogManager)'],
    [null, '[..] INFO [LogLoader partition=__cluster_metadata-0, dir=/data] Recovering unflushed segment 0. 0 recovered for __cluster_metadata-0.'],
    [null, '\tat kafka.zk.SomeClass$OutOfMemory.java.lang.OutOfMemoryError(KafkaZkClient.scala:1)'],
    [null, ''],
  ]
  it.each(lines)('%s: %s', (kind, line) => {
    expect(kinds([line])).toEqual(kind === null ? [] : [kind])
  })
})

describe('any text', () => {
  it('never throws, never grows, keeps lines short', () => {
    const noise = fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.constantFrom(...read('3.5.2-nodeexists'), ...read('4.3.1-port')))
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 80 }), (lines) => {
        const signals = recognise(lines)
        expect(signals.length).toBeLessThanOrEqual(lines.length)
        for (const signal of signals) expect(signal.line.length).toBeLessThanOrEqual(400)
      }),
    )
  })
  it('takes no more time for a hostile line', () => {
    const hostile = `Recovering 1 logs from ${'a'.repeat(2_000_000)}`
    expect(recognise([hostile, 'all log dirs in '.repeat(200_000)])).toEqual([])
  })
})
