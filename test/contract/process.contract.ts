// The same contracts on real Kafka, as processes of this machine: one lab per version, shared by all suites.
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openProcess } from '../../src/adapters/process/open-process.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { fileReader } from '../../src/adapters/system/files.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { labDown } from '../../src/lab/down.ts'
import { openFaults } from '../../src/lab/faults.ts'
import { findLab } from '../../src/lab/labs.ts'
import { labUp } from '../../src/lab/up.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import type { LabService, LabVersion } from '../../src/model/lab.ts'
import { coordinationContract } from './coordination.contract.ts'
import { faultsContract } from './faults.contract.ts'
import { kafkaContract } from './kafka.contract.ts'
import { kafkaBackupContract } from './kafka-backup.contract.ts'
import { brokenKafkaContract } from './kafka-broken.contract.ts'
import { kafkaRawContract } from './kafka-raw.contract.ts'
import { platformContract } from './platform.contract.ts'
import { registryContract } from './registry.contract.ts'
import type { Subject } from './subject.ts'

interface Opened {
  readonly subject: Subject
  close(): Promise<void>
}

const bringUp = async (home: string, name: string, kafka: LabVersion, services: readonly LabService[]): Promise<Opened> => {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kdr')
  const { signal } = new AbortController()
  await labUp({ name, platform: 'process', with: services, kafka, home, cache, kafkaHome: process.env['KAFKA_HOME'] ?? null, progress: () => {}, signal })
  const lab = findLab(name, home)
  if (lab === null) throw new Error(`lab ${name} did not come up`)
  const platform = openProcess(lab.stateFile)
  const dial = platform.dial
  const opened = openKafka({ bootstrap: lab.bootstrap, clientId: 'kdr-contract', tls: null, sasl: null, dial, requestTimeout: 3000 })
  const registry = openSchemaRegistry({ dial, ca: null, auth: null, timeout: 3000 })
  const coordination = lab.zookeeper.length === 0 ? null : openZooKeeper({ servers: lab.zookeeper, dial, timeout: 3000 })
  const subject: Subject = {
    mode: RELEASES[kafka].mode,
    ports: { clock: systemClock(), platform, kafka: opened, backup: opened, coordination, connect: null, registry, files: fileReader() },
    write: { platform, kafka: opened, probe: opened, restore: opened, registry },
    faults: openFaults(lab.stateFile),
    endpoints: lab.bootstrap,
    zookeeperServers: lab.zookeeper,
  }
  const close = async () => {
    await opened.close()
    await coordination?.close()
    await platform.close()
  }
  return { subject, close }
}

/** Suites on a lab of their own; a file a lab, so that two may run side by side. */
const onLab = (kafka: LabVersion, services: readonly LabService[], suites: (subject: () => Promise<Subject>) => void): void => {
  describe(`Kafka ${kafka} as processes`, () => {
    const lab = ['contract', kafka, ...services].join('-')
    let home = ''
    let opened: Opened | null = null
    beforeAll(async () => {
      home = mkdtempSync(path.join(tmpdir(), 'kdr-contract-'))
      opened = await bringUp(home, lab, kafka, services)
    })
    afterAll(async () => {
      await opened?.close()
      await labDown(lab, home)
      rmSync(home, { recursive: true, force: true })
    })
    suites(async () => {
      if (opened === null) throw new Error('the lab is not up')
      return opened.subject
    })
  })
}

/** All suites of what runs on a lab of this version. */
export const processContract = (kafka: LabVersion): void =>
  onLab(kafka, [], (subject) => {
    platformContract(kafka, subject)
    faultsContract(kafka, subject)
    kafkaContract(kafka, subject)
    kafkaBackupContract(kafka, subject)
    kafkaRawContract(kafka, subject)
    brokenKafkaContract(kafka, subject)
    if (RELEASES[kafka].mode === 'zookeeper') coordinationContract(kafka, subject)
  })

export const processRegistryContract = (kafka: LabVersion): void => onLab(kafka, ['schema-registry'], (subject) => registryContract(kafka, subject))
