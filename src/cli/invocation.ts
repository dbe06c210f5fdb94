// What a command module is given and gives back; main.ts makes it from argv and imports the module.
import type { Command } from 'commander'
import type { Exit } from '../errors.ts'
import type { Interruption } from './interruption.ts'
import type { Globals, Terminal } from './terminal.ts'

export interface Invocation {
  /** Positional arguments, in order; a missing optional one is undefined. */
  readonly args: readonly (string | undefined)[]
  /** Options by their camel-cased long name, as commander has them. */
  readonly options: Readonly<Record<string, unknown>>
  readonly globals: Globals
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  readonly interruption: Interruption
  /** The whole command tree, for help and completion. */
  readonly program: Command
}

/** A command module, `src/cli/commands/*.ts`. What it throws is printed once, by main.ts. */
export interface CommandModule {
  run(invocation: Invocation): Promise<Exit>
}

export const optionText = (invocation: Invocation, name: string): string | undefined => {
  const value = invocation.options[name]
  return typeof value === 'string' ? value : undefined
}

export const optionFlag = (invocation: Invocation, name: string): boolean => invocation.options[name] === true

export const optionList = (invocation: Invocation, name: string): readonly string[] => {
  const value = invocation.options[name]
  return Array.isArray(value) ? value.map(String) : []
}

/** null where it was not given. */
export const optionNumber = (invocation: Invocation, name: string): number | null => {
  const value = invocation.options[name]
  return typeof value === 'number' ? value : null
}
