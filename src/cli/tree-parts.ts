// What every group of the command tree is made of: plans, argument parsers, examples, the flags that grant.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { EFFECTS } from '../engine/step.ts'
import type { CommandModule } from './invocation.ts'
import type { Format } from './terminal.ts'

interface Plan {
  readonly load: () => Promise<CommandModule>
  /** Formats that apply to this command, the default first. */
  readonly formats: readonly Format[]
}

/** Turns a plan into commander's action; given by main.ts. */
export type Dispatch = (plan: Plan, command: Command, args: readonly unknown[]) => Promise<void>

/** Gives a command its action; made by `buildTree`. */
export type PlanCommand = (command: Command, load: Plan['load'], formats?: readonly Format[]) => Command

export const TEXT_JSON: readonly Format[] = ['text', 'json']
export const ALL: readonly Format[] = ['text', 'json', 'ndjson']

export const repeat = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value]
export const split = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...value.split(',').filter((word) => word !== ''),
]

export const effects = (value: string, before: readonly string[] | undefined): readonly string[] => {
  const given = split(value, before)
  const odd = given.find((word) => !EFFECTS.some((effect) => effect === word))
  if (odd !== undefined) throw new InvalidArgumentError(`${odd} is not an effect; known: ${EFFECTS.join(', ')}.`)
  return given
}

export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n\nExit codes: kdr help exit-codes`

export const grants = (command: Command): Command =>
  command
    .option('--non-interactive', 'never ask; only what the flags below grant is done')
    .addOption(new Option('--allow <effects>', `effects granted without a question, by comma: ${EFFECTS.slice(3).join(', ')}`).argParser(effects))
    .option('--confirm <cluster>', "the cluster's name, which stop, delete and lose-data want besides")
    .option('--accept-loss <topic:partitions>', 'partitions whose records may be lost, as orders:0-2,5 (repeatable)', repeat)
    .option('--force <guard>', 'override this guard by name, where it may be (repeatable)', repeat)
    .option('--take-over <run>', 'take the lock over from this run, knowingly')
    .option('--junit <file>', 'write a JUnit report: a case per step, guard and verification')
    .option('--reason <text>', 'why, for the journal')
