// The schema registry port over the simulated instances.
import { KdrError } from '../../errors.ts'
import { CANARY_SUBJECT, GLOBAL, type SchemaSet } from '../../model/schemas.ts'
import type { SchemaRegistryProbe, SchemaRegistryReader, SchemaRegistryWriter } from '../../ports/schema-registry.ts'
import type { Call } from './call.ts'
import { pass } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { PATIENCE } from './kafka-logs.ts'
import type { Life } from './life.ts'
import { catchUp, registriesOf, urlOf } from './registry.ts'
import { isCompatible, readAll, readSubjects, readVersion, readVersions, Writing } from './registry-rest.ts'
import { isUp, type SimMember } from './state.ts'

/** The instance that answers at this URL, or a client's error. */
const at = async (cluster: Cluster, url: string, signal: AbortSignal): Promise<SimMember> => {
  const member = registriesOf(cluster).find((candidate) => urlOf(candidate) === url)
  if (member?.state === 'paused') {
    await pass(cluster.time, PATIENCE, signal)
    throw new KdrError(`${url} did not answer in time`, { code: 'registry-silent' })
  }
  if (member !== undefined && isUp(member)) return member
  throw new KdrError(`${url} cannot be reached: connect ECONNREFUSED`, { code: 'registry-unreachable' })
}

export const createRegistryReader = (cluster: Cluster, call: Call): SchemaRegistryReader => {
  const read = <T>(name: string, url: string, signal: AbortSignal, answer: (set: SchemaSet) => T): Promise<T> =>
    call(`registry.${name}`, signal, async () => answer(catchUp(cluster, await at(cluster, url, signal)).set()))
  return {
    subjects: (url, { deleted }, signal) => read('subjects', url, signal, (set) => readSubjects(set, deleted)),
    list: (url, { deleted }, signal) => read('list', url, signal, (set) => readAll(set, deleted)),
    versions: (url, subject, { deleted }, signal) => read('versions', url, signal, (set) => readVersions(set, subject, deleted)),
    schema: (url, subject, version, signal) => read('schema', url, signal, (set) => readVersion(set, subject, version)),
    byId: (url, id, signal) =>
      read('byId', url, signal, ({ versions }) => {
        const found = versions.find((version) => version.id === id)
        return found === undefined ? null : { type: found.type, schema: found.schema, references: found.references }
      }),
    config: (url, subject, signal) => read('config', url, signal, ({ configs }) => configs[subject ?? GLOBAL] ?? (subject === null ? 'BACKWARD' : null)),
    mode: (url, subject, signal) => read('mode', url, signal, ({ modes }) => modes[subject ?? GLOBAL] ?? (subject === null ? 'READWRITE' : null)),
    compatible: (url, subject, schema, signal) => read('compatible', url, signal, (set) => isCompatible(set, subject, schema)),
  }
}

const mustBeCanary = (subject: string): void => {
  if (!subject.startsWith(CANARY_SUBJECT)) throw new KdrError(`subject ${subject} is not kdr's own`, { code: 'not-a-canary' })
}

export const createRegistryWriter = (cluster: Cluster, life: Life, call: Call): SchemaRegistryWriter & SchemaRegistryProbe => {
  const write = <T>(name: string, url: string, signal: AbortSignal, what: string, change: (writing: Writing) => T): Promise<T> =>
    call(`registry.${name}`, signal, async () => {
      await at(cluster, url, signal)
      const result = change(new Writing(cluster))
      cluster.note('kdr', life.number, 'registry', what)
      return result
    })
  return {
    setMode: (url, subject, mode, signal) => write('setMode', url, signal, `mode ${mode}`, (writing) => writing.setMode(subject, mode)),
    setConfig: (url, subject, level, signal) => write('setConfig', url, signal, `config ${subject ?? ''}`, (writing) => writing.setConfig(subject, level)),
    importVersion: (url, version, signal) =>
      write('importVersion', url, signal, `import ${version.subject} ${version.version}`, (writing) => writing.importVersion(version)),
    deleteVersion: (url, subject, version, signal) =>
      write('deleteVersion', url, signal, `delete ${subject} ${version}`, (writing) => writing.deleteVersion(subject, version)),
    register: async (url, subject, schema, signal) => {
      mustBeCanary(subject)
      return write('register', url, signal, `register ${subject}`, (writing) => writing.register(subject, schema))
    },
    configure: async (url, subject, level, signal) => {
      mustBeCanary(subject)
      return write('configure', url, signal, `config ${subject}`, (writing) => writing.setConfig(subject, level))
    },
    remove: async (url, subject, signal) => {
      mustBeCanary(subject)
      return write('remove', url, signal, `remove ${subject}`, (writing) => writing.remove(subject))
    },
  }
}
