// Where labs are kept and what can be told of them. A lab is a folder under the labs' root with a state
// file, `lab.json`, of processes or of a Docker project; its name is a cluster name for every other command.
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { membersOf } from '../adapters/process/members.ts'
import { type ProcessState, readState } from '../adapters/process/state-file.ts'
import { KdrError } from '../errors.ts'
import { valueOr } from '../model/known.ts'
import type { Member } from '../model/member.ts'
import { isDockerLab, readDockerLab } from './docker/lab-file.ts'
import { dockerMembers } from './docker/members.ts'

export interface Lab {
  readonly name: string
  readonly platform: 'process' | 'docker'
  /** Kafka's full version, `3.5.2`. */
  readonly kafka: string
  /** For `openFaults`, and `openProcess` where it is one of processes. */
  readonly stateFile: string
  /** How its platform is opened, as a cluster's settings say it. */
  readonly settings:
    | { readonly kind: 'process'; readonly state: string }
    | { readonly kind: 'docker'; readonly project: string; readonly host: string | null; readonly context: string | null; readonly files: readonly string[] }
  /** `host:port` of every broker. */
  readonly bootstrap: readonly string[]
  /** `host:port` of every ZooKeeper; empty in KRaft mode. */
  readonly zookeeper: readonly string[]
  /** False while it is being brought up, or when that was interrupted. */
  readonly complete: boolean
}

/** What `kdr lab up|status --output json` prints; `docs/json.md` promises these fields. */
export interface LabStatus {
  readonly schema: 'kdr/lab/1'
  readonly name: string
  readonly platform: Lab['platform']
  readonly kafka: string
  readonly complete: boolean
  readonly bootstrap: string
  readonly members: readonly {
    readonly name: string
    readonly role: string
    readonly id: number | null
    /** null: it does not run, or is a container. */
    readonly pid: number | null
    readonly state: 'running' | 'stopped' | 'paused' | 'unknown'
    readonly address: string
  }[]
}

/** Names become folders: no separators, no leading dot. Throws `bad-lab-name`, exit usage. */
export const labFolder = (name: string, home: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new KdrError(`${JSON.stringify(name)} cannot name a lab`, {
      code: 'bad-lab-name',
      exit: 'usage',
      hint: 'Use letters, digits, dots, dashes and underscores',
    })
  }
  // Processes are recognised by their paths, so there must be one way to write them.
  return join(existsSync(home) ? realpathSync(home) : resolve(home), name)
}

export const stateFileOf = (folder: string): string => join(folder, 'lab.json')

export const notFound = (name: string): KdrError =>
  new KdrError(`there is no lab named ${name}`, { code: 'lab-not-found', exit: 'usage', hint: `Bring one up: kdr lab up --name ${name}` })

const addresses = (state: ProcessState, role: 'broker' | 'zookeeper'): readonly string[] =>
  state.nodes.flatMap((node) => (node.roles.includes(role) ? node.listeners.slice(0, 1) : []))

const dockerLab = (name: string, stateFile: string): Lab => {
  const { project, host, context, files, kafka, bootstrap, zookeeper, settingUp } = readDockerLab(stateFile)
  const settings = { kind: 'docker', project, host, context, files } as const
  return { name, platform: 'docker', kafka, stateFile, settings, bootstrap, zookeeper, complete: settingUp === null }
}

/** null when there is no such lab. Throws `state-file-invalid` when it is damaged. */
export const findLab = (name: string, home: string): Lab | null => {
  const stateFile = stateFileOf(labFolder(name, home))
  if (!existsSync(stateFile)) return null
  if (isDockerLab(stateFile)) return dockerLab(name, stateFile)
  const state = readState(stateFile)
  const [bootstrap, zookeeper] = [addresses(state, 'broker'), addresses(state, 'zookeeper')]
  return {
    name,
    platform: 'process',
    kafka: state.kafka,
    stateFile,
    settings: { kind: 'process', state: stateFile },
    bootstrap,
    zookeeper,
    complete: state.settingUp === null,
  }
}

/** Names of all labs under `home`, damaged ones included, in order. */
export const listLabs = (home: string): readonly string[] => {
  if (!existsSync(home)) return []
  const folders = readdirSync(home, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  return folders.map((entry) => entry.name).sort()
}

const stateWord = (member: Member): LabStatus['members'][number]['state'] => {
  const state = valueOr(member.state, 'unknown' as const)
  return state === 'pending' ? 'unknown' : state
}

const pidOf = (member: Member): number | null => {
  const uid = valueOr(member.uid, null)
  return uid === null ? null : Number.parseInt(uid, 10)
}

/** Throws `lab-not-found` (exit usage), `state-file-invalid`. */
export const labStatus = async (name: string, home: string): Promise<LabStatus> => {
  const lab = findLab(name, home)
  if (lab === null) throw notFound(name)
  const members = lab.platform === 'docker' ? await dockerMembers(lab.stateFile) : await membersOf(readState(lab.stateFile))
  return {
    schema: 'kdr/lab/1',
    name,
    platform: lab.platform,
    kafka: lab.kafka,
    complete: lab.complete,
    bootstrap: lab.bootstrap.join(','),
    members: members.map((member) => ({
      name: member.name,
      role: member.roles[0] ?? 'broker',
      id: valueOr(member.id, null),
      pid: lab.platform === 'docker' ? null : pidOf(member),
      state: stateWord(member),
      address: member.addresses[0] ?? '',
    })),
  }
}
