// `lab.json` of a lab in Docker: which project of which engine it is, and where its compose file is. It holds no
// container id: containers are found by compose's labels.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as v from 'valibot'
import type { Endpoint } from '../../adapters/docker/endpoint.ts'
import { KdrError, wordsOf } from '../../errors.ts'

const SCHEMA = 'kdr/docker-lab/1'
const Text = v.pipe(v.string(), v.minLength(1))
const Address = v.pipe(Text, v.regex(/:\d+$/, 'must be host:port'))

const LabFile = v.object({
  schema: v.literal(SCHEMA),
  name: Text,
  /** Compose's project name. */
  project: Text,
  /** As DOCKER_HOST; null: by `context`, else by the surroundings. */
  host: v.nullable(Text),
  context: v.nullable(Text),
  /** Kafka's version, `3.5.2`. */
  kafka: Text,
  mode: v.picklist(['zookeeper', 'kraft']),
  /** Compose files with every variable filled in. */
  files: v.pipe(v.array(Text), v.minLength(1)),
  bootstrap: v.array(Address),
  zookeeper: v.array(Address),
  settingUp: v.nullable(v.object({ pid: v.number(), start: v.string() })),
})

export type DockerLabFile = v.InferOutput<typeof LabFile>

/** A project and its engine, as `openDocker` wants them. */
export type Place = Pick<DockerLabFile, 'project' | 'host' | 'context'>

/** The engine as it was found, whatever the surroundings say later; by its context, the current one too, where only that has the certificates to reach it. */
export const placeAt = (project: string, { host, certs, context }: Endpoint): Place =>
  certs !== null && context !== null ? { project, host: null, context } : { project, host, context: null }

/** Whether the state file is one of these; a damaged one is, when it still says so. False when there is none. */
export const isDockerLab = (stateFile: string): boolean => existsSync(stateFile) && readFileSync(stateFile, 'utf8').includes(SCHEMA)

/** Throws `state-file-invalid`, exit usage. */
export const readDockerLab = (stateFile: string): DockerLabFile => {
  try {
    return v.parse(LabFile, JSON.parse(readFileSync(stateFile, 'utf8')))
  } catch (cause) {
    throw new KdrError(`${stateFile} does not describe a lab in Docker: ${wordsOf(cause)}`, {
      code: 'state-file-invalid',
      exit: 'usage',
      hint: 'Remove the lab: kdr lab down --name NAME',
      cause,
    })
  }
}

export const writeDockerLab = (stateFile: string, lab: Omit<DockerLabFile, 'schema'>): void => {
  writeFileSync(`${stateFile}.new`, `${JSON.stringify({ schema: SCHEMA, ...lab }, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${stateFile}.new`, stateFile)
}

/** Compose allows lower case only; whatever a lab is called, its project is told from others. */
export const projectOf = (name: string): string => `kdr-${name.toLowerCase().replaceAll('.', '-')}`
