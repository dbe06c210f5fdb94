// What a Docker lab is made of, without an engine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DockerService } from '../../../src/lab/docker/images.ts'
import { isDockerLab, projectOf, readDockerLab, writeDockerLab } from '../../../src/lab/docker/lab-file.ts'
import { dockerPortOffsets, planDocker } from '../../../src/lab/docker/plan.ts'
import { openFaults } from '../../../src/lab/faults.ts'
import { labStatus } from '../../../src/lab/labs.ts'
import { RELEASES } from '../../../src/lab/versions.ts'
import type { LabVersion } from '../../../src/model/lab.ts'
import { FAULTS, SET_FAULTS } from '../../../src/ports/faults.ts'

const plan = (kafka: LabVersion, name = 'old', services: readonly DockerService[] = []) =>
  planDocker({
    name,
    release: RELEASES[kafka],
    clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
    images: { KDR_KAFKA_IMAGE: 'kafka:1' },
    base: 19_000,
    host: '127.0.0.1',
    bind: '127.0.0.1',
    with: services,
  })

const LAB = {
  name: 'old',
  project: 'kdr-old',
  host: null,
  context: null,
  kafka: '3.5.2',
  mode: 'zookeeper' as const,
  files: ['/labs/old/docker-compose.yml'],
  bootstrap: ['127.0.0.1:19001'],
  zookeeper: [],
  settingUp: null,
}

const inFolder = (test: (file: string, home: string) => Promise<void> | void) => async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'kdr-lab-file-'))
  try {
    await test(path.join(home, 'lab.json'), home)
  } finally {
    rmSync(home, { recursive: true })
  }
}

describe('a plan', () => {
  it.each<LabVersion>(['3.5', '3.9', '4'])('of Kafka %s publishes what it claimed, on loopback only', (kafka) => {
    const { variables, bootstrap, zookeeper } = plan(kafka)
    const claimed = dockerPortOffsets(RELEASES[kafka], []).map((offset) => 19_000 + offset)
    const published = [...bootstrap, ...zookeeper].map((address) => Number(address.split(':')[1]))
    expect(published.sort()).toEqual([...claimed].sort())
    expect(variables['KAFKA_BIND']).toBe('127.0.0.1')
  })

  it('takes the deployment with ZooKeeper or the one without, and a cluster id only there', () => {
    expect(plan('3.5')).toMatchObject({ shipped: 'docker-compose.yml', quorum: ['zookeeper-1', 'zookeeper-2', 'zookeeper-3'] })
    expect(plan('4')).toMatchObject({ shipped: 'docker-compose-kraft.yml', quorum: ['controller-1', 'controller-2', 'controller-3'] })
    expect([plan('3.5').variables['CLUSTER_ID'], plan('4').variables['CLUSTER_ID']]).toEqual([undefined, 'AAAAAAAAAAAAAAAAAAAAAA'])
  })

  it('has two Schema Registries or none, each on its own port', () => {
    expect(plan('4').registries).toEqual([])
    const { registries, rest, override, variables } = plan('4', 'old', ['schema-registry'])
    expect(rest.slice(3)).toEqual(['schema-registry', 'schema-registry-2'])
    const claimed = dockerPortOffsets(RELEASES['4'], ['schema-registry']).map((offset) => 19_000 + offset)
    for (const address of registries) expect(claimed).toContain(Number(address.split(':')[1]))
    expect(new Set(registries).size).toBe(2)
    expect(registries[0]).toBe(`127.0.0.1:${variables['SCHEMA_REGISTRY_PORT']}`)
    const { services } = override as { services: Record<string, { ports?: string[] }> }
    expect(services['schema-registry-2']?.ports).toEqual([`${registries[1]}:8081`])
  })

  it('calls containers as the runbook does in the default lab, and apart from those in any other', () => {
    expect([plan('4', 'lab').variables['KDR_PREFIX'], plan('4', 'old').variables['KDR_PREFIX']]).toEqual(['', 'old-'])
    expect(projectOf('Old.3')).toBe('kdr-old-3')
  })
})

describe('a state file', () => {
  it(
    'comes back as it was written, and tells a lab in Docker from one of processes',
    inFolder((file) => {
      expect(isDockerLab(file)).toBe(false)
      writeFileSync(file, '{"schema":"kdr/process/1"}')
      expect(isDockerLab(file)).toBe(false)
      writeDockerLab(file, LAB)
      expect(isDockerLab(file)).toBe(true)
      expect(readDockerLab(file)).toEqual({ schema: 'kdr/docker-lab/1', ...LAB })
    }),
  )

  it(
    'damaged, is refused by its name',
    inFolder((file) => {
      writeFileSync(file, '{"schema":"kdr/docker-lab/1","name"')
      expect(() => readDockerLab(file)).toThrow(expect.objectContaining({ code: 'state-file-invalid', exit: 'usage' }))
    }),
  )

  it(
    'of an engine that is gone makes no lab healthy',
    inFolder(async (_, home) => {
      mkdirSync(path.join(home, 'old'))
      writeDockerLab(path.join(home, 'old', 'lab.json'), { ...LAB, host: `unix://${home}/nothing.sock` })
      await expect(labStatus('old', home)).rejects.toMatchObject({ code: 'docker-unreachable' })
    }),
  )
})

describe('faults', () => {
  it(
    'of containers are known in Docker, and refused by a lab of processes before it is touched',
    inFolder(async (file) => {
      writeDockerLab(file, LAB)
      expect([...openFaults(file).known].sort()).toEqual(FAULTS.filter((fault) => !SET_FAULTS.some((each) => each === fault)).sort())
      const node = {
        name: 'kafka1',
        roles: ['broker'],
        file: '/k/n',
        home: '/k',
        dataDirs: ['/k/d'],
        listeners: ['127.0.0.1:1'],
        argv: ['java', 'M', '/k/n'],
        format: null,
      }
      const state = {
        schema: 'kdr/process/1',
        cluster: 'p',
        id: 'x',
        kafka: '4.3.1',
        mode: 'kraft',
        ports: [1],
        tools: '/k/bin',
        settingUp: null,
        nodes: [node],
      }
      writeFileSync(file, JSON.stringify(state))
      const faults = openFaults(file)
      expect(faults.known).not.toContain('pause-broker')
      await expect(faults.inject('pause-broker', {}, new AbortController().signal)).rejects.toMatchObject({ code: 'not-on-this-platform', exit: 'usage' })
    }),
  )
})
