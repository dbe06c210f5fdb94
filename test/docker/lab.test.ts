// Labs in Docker come up, go down and fail without leaving anything on the engine.
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { PROJECT } from '../../src/adapters/docker/containers.ts'
import { belongings } from '../../src/lab/docker/down.ts'
import { projectOf } from '../../src/lab/docker/lab-file.ts'
import { labDown } from '../../src/lab/down.ts'
import { findLab } from '../../src/lab/labs.ts'
import { type LabUpOptions, labUp } from '../../src/lab/up.ts'
import { dockerStand, engineHere } from './stand.ts'

const engine = engineHere()
const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'kdr-docker-lab-')))
const here = dockerStand()
afterAll(async () => {
  engine.close()
  await here.clear()
  rmSync(home, { recursive: true, force: true })
})

const options = (name: string, more: Partial<LabUpOptions> = {}): LabUpOptions => ({
  name,
  platform: 'docker',
  kafka: '4',
  home,
  cache: path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kdr'),
  kafkaHome: process.env['KAFKA_HOME'] ?? null,
  progress: () => {},
  signal: new AbortController().signal,
  ...more,
})
const left = async (name: string) => {
  const { containers, networks, volumes } = await belongings(engine, projectOf(name), AbortSignal.timeout(30_000))
  return { containers: [...containers].sort(), networks: [...networks].sort(), volumes: [...volumes].sort() }
}
const NOTHING = { containers: [], networks: [], volumes: [] }

describe('a lab', () => {
  const name = 'kdr-test-lab'

  it('comes up once, is returned as it is, refused as anything else, and goes down without a trace', async () => {
    try {
      const up = await labUp(options(name))
      expect(up).toMatchObject({ schema: 'kdr/lab/1', platform: 'docker', complete: true })
      expect(up.members.map(({ role, id, state }) => `${role} ${id} ${state}`)).toEqual([
        ...[101, 102, 103].map((id) => `controller ${id} running`),
        ...[1, 2, 3].map((id) => `broker ${id} running`),
      ])
      const lab = findLab(name, home)
      // Whoever works with the project by hand needs no variable of kdr's.
      expect(readFileSync(lab?.settings.kind === 'docker' ? (lab.settings.files[0] ?? '') : '', 'utf8')).not.toMatch(/\$\{/)
      const found = await left(name)
      expect([found.containers.length, found.networks.length, found.volumes.length]).toEqual([6, 1, 6])
      expect(await labUp(options(name))).toEqual(up)
      await expect(labUp(options(name, { kafka: '3.5' }))).rejects.toMatchObject({ code: 'lab-exists', exit: 'usage' })
      await expect(labUp(options(name, { platform: 'process' }))).rejects.toMatchObject({ code: 'lab-exists', exit: 'usage' })
      expect(await left(name)).toEqual(found)
    } finally {
      await labDown(name, home)
    }
    expect(await left(name)).toEqual(NOTHING)
    expect(existsSync(path.join(home, name))).toBe(false)
    await expect(labDown(name, home)).rejects.toMatchObject({ code: 'lab-not-found', exit: 'usage' })
  })

  it('interrupted on its way up, is undone', async () => {
    const abort = new AbortController()
    const progress = (line: string) => {
      if (line.startsWith('starting kafka-1')) setTimeout(() => abort.abort(new Error('Ctrl-C')), 500)
    }
    await expect(labUp(options('kdr-test-cut', { signal: abort.signal, progress }))).rejects.toThrow('Ctrl-C')
    expect(await left('kdr-test-cut')).toEqual(NOTHING)
    expect(existsSync(path.join(home, 'kdr-test-cut'))).toBe(false)
  })

  it('takes no project over that it did not make', async () => {
    const volume = 'kdr-test-foreign-data'
    await engine.docker.createVolume({ Name: volume, Labels: { [PROJECT]: projectOf('kdr-test-foreign') } })
    try {
      await expect(labUp(options('kdr-test-foreign'))).rejects.toMatchObject({ code: 'lab-exists', exit: 'usage' })
      expect((await left('kdr-test-foreign')).volumes).toEqual([volume])
    } finally {
      await engine.docker.getVolume(volume).remove()
    }
  })
})

describe('without what it needs', () => {
  const up = ['lab', 'up', '--platform', 'docker', '--name', 'kdr-test-none']

  it('says that there is no engine, and what to do', async () => {
    const ran = await here.kdr(up, { env: { DOCKER_HOST: 'unix:///nonexistent/docker.sock', DOCKER_CONTEXT: '' } })
    expect(ran.code, ran.err).toBe(1)
    expect(ran.err).toMatch(/needs a Docker engine[\s\S]*DOCKER_HOST/)
  })

  it('says that there is no compose, and what to do', async () => {
    const ran = await here.kdr(up, { env: { PATH: '/nonexistent', KDR_DOCKER_COMPOSE: '' } })
    expect(ran.code, ran.err).toBe(1)
    expect(ran.err).toMatch(/compose[\s\S]*KDR_DOCKER_COMPOSE/)
  })
})
