// Evidence of a broken quorum before anything is started: its members' logs, what each says of itself, and in the
// blank-majority case the survivor's data, which may be the only copy of what the cluster knows.
import { act, type Decision, decide, type Resolution, type Step } from '../../engine/step.ts'
import { within } from '../../engine/within.ts'
import { KdrError, wordsOf } from '../../errors.ts'
import { roleOf } from '../../judgement/quorum.ts'
import { memberOf } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'
import { captureMembers, type Kept } from '../evidence.ts'
import { type From, survivorsOf } from './failed-quorum.ts'

const WORDS = ['srvr', 'mntr'] as const

/** What each server says; a silent one is evidence too. */
const captureWords = async (world: ReadWorld, addresses: readonly string[]): Promise<readonly string[]> => {
  const { coordination } = world
  if (coordination === null || addresses.length === 0) return []
  const limit = world.clock.deadline(seconds(15))
  const answers = await Promise.all(WORDS.map((word) => within(coordination.word(word, addresses, limit), limit).catch(() => new Map())))
  const text = addresses.flatMap((address) =>
    WORDS.flatMap((word, at) => {
      const answer = answers[at]?.get(address)
      return [`# ${word} of ${address}`, answer?.known === true ? answer.value : `not had: ${answer?.why ?? 'no answer'}`]
    }),
  )
  return [world.evidence('zookeeper-words.txt', `${text.join('\n')}\n`)]
}

export const captureQuorum = ({ from }: From): Decision<Kept> =>
  decide<Kept>({
    id: 'capture-evidence',
    title: 'Capture evidence',
    why: 'Logs of every member, what each says of itself, and the cluster as it was found; a restart overwrites what explains the failure.',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(10), deadline: minutes(3) },
    resolve: async (world) => {
      const now = await world.survey()
      const role = roleOf(from.value())
      const members = now.members.known ? now.members.value.filter(({ roles }) => roles.includes(role)) : []
      const kept = await captureMembers(
        world,
        members.map(({ name }) => name),
      )
      const addresses = role === 'zookeeper' ? members.flatMap((member) => member.addresses.slice(0, 1)) : []
      return { target: { ...kept, files: [...kept.files, ...(await captureWords(world, addresses))] } }
    },
    preview: (_, commands) => ({
      sentence: 'keep logs, answers and metadata in the folder of the run',
      changes: [],
      commands: from.value().broken.map(({ name }) => commands.logs(name)),
    }),
    expect: (now) => now,
    done: (_, { files, missing }) => ({
      state: 'done',
      detail: `kept ${files.join(', ')}${missing.length > 0 ? `; not to be had: ${missing.join(', ')}` : ''}`,
    }),
  })

interface Copied {
  readonly files: readonly string[]
  /** Members that were not copied: their disks cannot be reached yet. */
  readonly left: readonly string[]
}

const COPY = minutes(10)

const copyOne = async (world: ReadWorld, member: string): Promise<readonly string[]> => {
  const limit = world.clock.deadline(COPY)
  const files: string[] = []
  for (const { path, tar } of await within(world.platform.data(member, limit), limit)) {
    files.push(await within(world.keep(`${member}${path.replaceAll('/', '-')}.tar.gz`, tar), limit))
  }
  return files
}

const KEEP =
  'What the survivor has may be the only copy of what the cluster knows: a copy first, then whatever may go wrong. It holds password hashes, so keep it as you keep those.'
const ALONE = 'nothing empty is started beside a survivor that has no copy'

/** A disk that only a running member lets anybody read is copied once it runs, alone. */
const copyAll = async (world: ReadWorld, members: readonly string[]): Promise<Resolution<Copied>> => {
  const files: string[] = []
  const left: string[] = []
  for (const member of members) {
    try {
      files.push(...(await copyOne(world, member)))
    } catch (thrown) {
      const state = memberOf(await world.survey(), member)?.state
      const runs = state?.known === true && state.value === 'running'
      const reachable = !(thrown instanceof KdrError && thrown.code === 'data-unreachable')
      if (runs || reachable) return { blocked: `the data of ${member} could not be copied: ${wordsOf(thrown)}`, hint: ALONE }
      left.push(member)
    }
  }
  return { target: { files, left } }
}

const preview = (members: readonly string[]) => ({ sentence: `copy the data of ${members.join(', ')} into the folder of the run`, changes: [], commands: [] })

export const copySurvivors = ({ from }: From): Decision<Copied> => {
  const members = () => survivorsOf(from.value())
  return decide<Copied>({
    id: 'copy-survivor',
    title: "Copy the survivor's data",
    why: KEEP,
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(10), deadline: COPY },
    resolve: async (world) => (members().length === 0 ? { nothing: 'there is nothing left to copy' } : copyAll(world, members())),
    preview: () => preview(members()),
    expect: (now) => now,
    done: (_, { files, left }) => ({
      state: 'done',
      detail: `kept ${files.join(', ') || 'nothing yet'}${left.length > 0 ? `; ${left.join(', ')} can be read only once it runs, and is copied then` : ''}`,
    }),
  })
}

/** Those that could not be read before they ran: still before anything empty is started, and only where they really were started. */
export const copyRunning = (first: Decision<Copied>): Step =>
  act<Pick<Copied, 'left'>>({
    id: 'copy-running-survivor',
    title: 'Copy the data of a survivor that could not be read before',
    why: KEEP,
    effect: 'probe',
    aspects: [],
    budget: { expected: seconds(10), deadline: COPY },
    guards: [],
    resolve: async () => {
      const { left } = first.value()
      return left.length === 0 ? { nothing: 'there is nothing left to copy' } : { target: { left } }
    },
    preview: ({ left }) => preview(left),
    act: async (world, { left }) => {
      for (const member of left) {
        await copyOne(world, member).catch((thrown) => {
          throw new KdrError(`the data of ${member} could not be copied: ${wordsOf(thrown)}`, { code: 'not-copied', hint: ALONE })
        })
      }
      return undefined
    },
    expect: (now) => now,
    done: (_, { left }) => ({ state: 'done', detail: `kept the data of ${left.join(', ')}` }),
  })
