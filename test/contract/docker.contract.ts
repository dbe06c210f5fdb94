// The same contracts on real Kafka in containers: one lab per version, shared by all suites.
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openDocker } from '../../src/adapters/docker/open-docker.ts'
import { openKafka } from '../../src/adapters/kafka/open.ts'
import { openSchemaRegistry } from '../../src/adapters/schema-registry/open-registry.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { fileReader } from '../../src/adapters/system/files.ts'
import { openZooKeeper } from '../../src/adapters/zookeeper/open-zookeeper.ts'
import { labDown } from '../../src/lab/down.ts'
import { openFaults } from '../../src/lab/faults.ts'
import { findLab } from '../../src/lab/labs.ts'
import { labUp } from '../../src/lab/up.ts'
import { RELEASES } from '../../src/lab/versions.ts'
import type { LabVersion } from '../../src/model/lab.ts'
import { faultsContract } from './faults.contract.ts'
import { platformContract } from './platform.contract.ts'
import type { Subject } from './subject.ts'

interface Opened {
  readonly subject: Subject
  close(): Promise<void>
}

const bringUp = async (home: string, name: string, kafka: LabVersion): Promise<Opened> => {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kdr')
  const { signal } = new AbortController()
  await labUp({ name, platform: 'docker', kafka, home, cache, kafkaHome: null, progress: () => {}, signal })
  const lab = findLab(name, home)
  if (lab?.settings.kind !== 'docker') throw new Error(`lab ${name} did not come up`)
  const { settings, bootstrap, zookeeper } = lab
  const platform = openDocker({ cluster: name, ...settings, env: process.env })
  const dial = platform.dial
  const opened = openKafka({ bootstrap, clientId: 'kdr-contract', tls: null, sasl: null, dial, requestTimeout: 3000 })
  const registry = openSchemaRegistry({ dial, ca: null, auth: null, timeout: 3000 })
  const coordination = zookeeper.length === 0 ? null : openZooKeeper({ servers: zookeeper, dial, timeout: 3000 })
  const subject: Subject = {
    mode: RELEASES[kafka].mode,
    ports: { clock: systemClock(), platform, kafka: opened, backup: opened, coordination, connect: null, registry, files: fileReader() },
    write: { platform, kafka: opened, probe: opened, restore: opened, registry },
    faults: openFaults(lab.stateFile),
    endpoints: bootstrap,
    zookeeperServers: zookeeper,
  }
  const close = async () => {
    await opened.close()
    await coordination?.close()
    await platform.close()
  }
  return { subject, close }
}

/** What only a platform of its own can get wrong; what Kafka answers is the same in a container as in a process. With `everything`, every fault of a lab, too. */
export const dockerContract = (kafka: LabVersion, scope: 'platform' | 'everything'): void => {
  describe(`Kafka ${kafka} in containers`, () => {
    const lab = `contract-${kafka}`
    let home = ''
    let opened: Opened | null = null
    beforeAll(async () => {
      home = mkdtempSync(path.join(tmpdir(), 'kdr-contract-'))
      opened = await bringUp(home, lab, kafka)
    })
    afterAll(async () => {
      await opened?.close()
      await labDown(lab, home)
      rmSync(home, { recursive: true, force: true })
    })
    const subject = async (): Promise<Subject> => {
      if (opened === null) throw new Error('the lab is not up')
      return opened.subject
    }
    platformContract(kafka, subject, 'crashes')
    if (scope === 'everything') faultsContract(kafka, subject)
  })
}
