// Takes a Docker lab off its engine: containers, networks and volumes that carry its project's label, and
// nothing else. By the engine itself, so that it works without compose and without the compose file.
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROJECT } from '../../adapters/docker/containers.ts'
import { resolveEndpoint } from '../../adapters/docker/endpoint.ts'
import { type Engine, openEngine, statusOf } from '../../adapters/docker/engine.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import { seconds } from '../../units.ts'
import { releasePorts } from '../ports.ts'
import { type Place, projectOf, readDockerLab } from './lab-file.ts'

const DEADLINE = seconds(60)
const TRIES = 50

export const engineOf = ({ host, context }: Omit<Place, 'project'>): Engine => openEngine(resolveEndpoint({ host, context }, process.env))

interface Found {
  readonly containers: readonly string[]
  readonly networks: readonly string[]
  readonly volumes: readonly string[]
}

/** Everything on the engine that carries the project's label. */
export const belongings = async ({ docker, call }: Engine, project: string, signal: AbortSignal): Promise<Found> => {
  const filters = { label: [`${PROJECT}=${project}`] }
  const what = `list what belongs to ${project}`
  const containers = await call(what, signal, (abortSignal) => docker.listContainers({ all: true, filters, abortSignal }))
  const networks = await call(what, signal, (abortSignal) => docker.listNetworks({ filters, abortSignal }))
  const { Volumes: volumes } = await call(what, signal, (abortSignal) => docker.listVolumes({ filters, abortSignal }))
  return { containers: containers.map(({ Id }) => Id), networks: networks.map(({ Id }) => Id), volumes: (volumes ?? []).map(({ Name }) => Name) }
}

/** 404: somebody else was faster. 409: being removed, or still held by what is. */
const unlessGone = async (remove: () => Promise<unknown>): Promise<void> => {
  for (let left = TRIES; ; left -= 1) {
    try {
      await remove()
      return
    } catch (thrown) {
      if (statusOf(thrown) === 404) return
      if (left === 0 || (statusOf(thrown) !== 409 && statusOf(thrown) !== 403)) throw thrown
      await sleep(100)
    }
  }
}

/** Containers first, since they hold the rest. SIGKILL: the data is thrown away. */
const removeAll = async ({ docker, call }: Engine, { containers, networks, volumes }: Found, signal: AbortSignal): Promise<void> => {
  const all = (ids: readonly string[], what: string, remove: (id: string, abortSignal: AbortSignal) => Promise<unknown>) =>
    Promise.all(ids.map((id) => unlessGone(() => call(`remove ${what} ${id}`, signal, (abortSignal) => remove(id, abortSignal)))))
  await all(containers, 'container', (id, abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal }))
  await all(networks, 'network', (id, abortSignal) => docker.getNetwork(id).remove({ abortSignal }))
  await all(volumes, 'volume', (id, abortSignal) => docker.getVolume(id).remove({ abortSignal }))
}

/** What an interrupted compose had asked for, a busy engine makes after compose itself has ended. */
const QUIET = { looks: 6, every: 500 } as const

const removeProject = async (place: Place): Promise<void> => {
  const engine = engineOf(place)
  const signal = AbortSignal.timeout(DEADLINE)
  try {
    for (let quiet = 0; quiet < QUIET.looks; ) {
      const found = await belongings(engine, place.project, signal)
      const nothing = Object.values(found).every((ids) => ids.length === 0)
      quiet = nothing ? quiet + 1 : 0
      if (nothing) await sleep(QUIET.every, undefined, { signal })
      else await removeAll(engine, found, signal)
    }
  } finally {
    engine.close()
  }
}

/** Of a damaged file at least the name is known, which is the folder's. */
const placeOf = (folder: string): Place => {
  try {
    return readDockerLab(join(folder, 'lab.json'))
  } catch {
    return { project: projectOf(basename(folder)), host: null, context: null }
  }
}

/** Containers, networks, volumes, folder and ports of a lab. Throws `docker-unreachable` and keeps the folder. */
export const removeDockerLab = async (folder: string): Promise<void> => {
  try {
    await removeProject(placeOf(folder))
  } catch (cause) {
    if (!(cause instanceof KdrError) || cause.code !== 'docker-unreachable') throw cause
    throw new KdrError(`${basename(folder)} cannot be taken down: ${wordsOf(cause)}`, {
      code: cause.code,
      hint: `start the engine and try again; if it is gone for good, so is the lab: remove ${folder}`,
      cause,
    })
  }
  rmSync(folder, { recursive: true, force: true })
  releasePorts(folder)
}
