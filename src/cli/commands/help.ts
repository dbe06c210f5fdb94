// kdr help [topic]: help on a command, or the table of exit codes.
import type { Command } from 'commander'
import { didYouMean } from '../../config/suggest.ts'
import { EXIT_CODES, type Exit, KdrError } from '../../errors.ts'
import type { Invocation } from '../invocation.ts'

const find = (program: Command, words: readonly string[]): Command => {
  let at = program
  for (const word of words) {
    const next = at.commands.find((command) => command.name() === word)
    if (next === undefined) {
      const known = [...at.commands.map((command) => command.name()), ...(at === program ? ['exit-codes'] : [])]
      throw new KdrError(`no help on ${words.join(' ')}${didYouMean(word, known)}`, { code: 'usage', exit: 'usage', hint: 'kdr help lists the commands' })
    }
    at = next
  }
  return at
}

export const run = async ({ args, terminal, program }: Invocation): Promise<Exit> => {
  const words = (args[0] ?? '').split(' ').filter((word) => word !== '')
  if (words[0] !== 'exit-codes') {
    terminal.out(find(program, words).helpInformation().trimEnd())
    return 'ok'
  }
  const rows = Object.entries(EXIT_CODES).map(([name, { code, means }]) => ({ code, name, means }))
  if (terminal.format === 'json') terminal.json({ schema: 'kdr/exit-codes/1', codes: rows })
  else for (const { code, means } of rows) terminal.out(`${String(code).padStart(3)}  ${means}`)
  return 'ok'
}
