// What every reading of a survey goes by: the ports, what is asked for, what is carried over, and how long it may take.
import { type Known, unknown } from '../model/known.ts'
import type { Aspect, Survey } from '../model/survey.ts'
import type { ReadPorts } from '../ports/world.ts'
import type { Millis } from '../units.ts'
import type { Stage } from './reading.ts'
import type { RegistrySettings } from './registry.ts'

export interface ObserverSettings {
  /** Client endpoints known beforehand, `host:port`. */
  readonly endpoints: readonly string[]
  /** ZooKeeper servers, `host:port`; empty: where the platform's ZooKeeper members listen. */
  readonly zookeeper: readonly string[]
  /** Connect workers as `http://host:port`; left out: where the platform's Connect members listen. */
  readonly connect?: readonly string[]
  readonly registry?: RegistrySettings
  /** For the whole survey, schemas aside. */
  readonly deadline: Millis
}

export const NOT_ASKED = 'not asked'

/** Shares of the whole deadline by which each wave of readings has ended. */
export const WAVES = { first: 0.55, second: 0.8, last: 0.97 } as const

export interface Looking extends Stage {
  readonly ports: ReadPorts
  readonly settings: ObserverSettings
  readonly asked: (...aspects: readonly Aspect[]) => boolean
  readonly base: Survey | null
  /** What is left of the deadline until a wave ends. */
  readonly left: (wave: keyof typeof WAVES) => Millis
}

export const notAsked = (by: string): Known<never> => unknown(NOT_ASKED, by)
