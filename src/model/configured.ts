// What a member is configured to be, by its own file or its environment: only what judgement asks for, and nothing
// that could be a secret.
import { type Known, known, unknown } from './known.ts'
import type { Member, Role } from './member.ts'

/** A key that is missing is set nowhere in there. */
export type Settings = Readonly<Record<string, string>>

const KAFKA = ['unclean.leader.election.enable', 'min.insync.replicas']
const REGISTRY = ['host.name', 'listeners', 'inter.instance.listener.name', 'inter.instance.protocol']

const keysFor = (roles: readonly Role[]): readonly string[] =>
  roles.includes('broker') || roles.includes('controller') ? KAFKA : roles.includes('schema-registry') ? REGISTRY : []

/** As the Confluent and Apache images name a key in the environment; Bitnami's say KAFKA_CFG_ where those say KAFKA_. */
const variables = (key: string, roles: readonly Role[]): readonly string[] => {
  const name = key.toUpperCase().replaceAll('.', '_')
  return roles.includes('schema-registry') ? [`SCHEMA_REGISTRY_${name}`] : [`KAFKA_${name}`, `KAFKA_CFG_${name}`]
}

export const settingsOf = (roles: readonly Role[], get: (key: string) => string | undefined): Settings =>
  Object.fromEntries(
    keysFor(roles).flatMap((key) => {
      const value = get(key)
      return value === undefined ? [] : [[key, value]]
    }),
  )

/** What a container was given, besides its variables, from which its program may read its configuration. */
export interface Given {
  readonly variable: (name: string) => string | undefined
  /** Where files are mounted into it. */
  readonly mounts: readonly string[]
  /** Its command line, as far as it is not its image's own. */
  readonly args: readonly string[]
  /** Variables that come from elsewhere and were not read. */
  readonly unread: readonly string[]
}

const FILE = /\.properties$|^\/etc\/(?:kafka|schema-registry|confluent)|\/config(?:\/|$)/

/** By its environment, where that is how it is configured: unknown where a mounted file or its command line may say otherwise. */
export const configuredBy = (roles: readonly Role[], { variable, mounts, args, unread }: Given): Known<Settings> => {
  const by = 'environment of its container'
  const file = mounts.find((path) => FILE.test(path))
  if (file !== undefined) return unknown(`${file} is mounted into it and may configure it`, by)
  const own = args.find((word) => word === '--override' || word.endsWith('.properties'))
  if (own !== undefined) return unknown(`its command line names ${own}`, by)
  const wanted = keysFor(roles).flatMap((key) => variables(key, roles))
  const hidden = unread.find((name) => name === '*' || wanted.includes(name))
  if (hidden !== undefined) return unknown('some of its variables come from elsewhere', by)
  return known(
    settingsOf(roles, (key) =>
      variables(key, roles)
        .map(variable)
        .find((value) => value),
    ),
    by,
  )
}

/** What every member of a role says alike, `otherwise` where it says nothing: that is Kafka's own default. Unknown as soon as one was not seen, or says something else. */
export const commonSetting = (members: Known<readonly Member[]>, role: Role, key: string, otherwise: string): Known<string> => {
  if (!members.known) return unknown(members.why, members.by)
  const own = members.value.filter(({ roles }) => roles.includes(role))
  if (own.length === 0) return unknown(`no ${role} was seen`, members.by)
  const values = new Set<string>()
  for (const { name, configured } of own) {
    if (configured?.known !== true)
      return unknown(`the configuration of ${name} was not seen${configured === undefined ? '' : `: ${configured.why}`}`, members.by)
    values.add((configured.value[key] ?? otherwise).trim().toLowerCase())
  }
  const [value, ...others] = values
  if (value === undefined || others.length > 0) return unknown(`${key} is not the same in the configuration of every ${role}`, members.by)
  return known(value, `own configuration of ${own.map(({ name }) => name).join(', ')}`)
}
