// Completion scripts, tried in the shells themselves where they are installed.
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { completionScript } from '../../src/cli/completion.ts'
import { buildTree } from '../../src/cli/tree.ts'

const VALUES = { scenarios: ['single-broker'], effects: ['restart', 'change'], faults: ['kill-broker'] }
const program = buildTree('0', async () => {})
const scriptFor = (shell: string): string => completionScript(shell, program, VALUES) ?? ''

const complete = (line: string): readonly string[] => {
  const words = line.split(' ')
  const script = `${scriptFor('bash')}
kdr() { [ "$*" = 'completion clusters' ] && printf 'prod\\nlab\\n'; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _kdr; printf '%s\\n' "\${COMPREPLY[@]}"`
  return spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).stdout.trim().split('\n')
}

it.each([
  ['kdr rec', ['recover']],
  ['kdr recover si', ['single-broker']],
  ['kdr recover --cluster prod si', ['single-broker']],
  ['kdr recover single-broker --dr', ['--dry-run']],
  ['kdr recover --allow re', ['restart']],
  ['kdr recover --cluster ', ['prod', 'lab']],
  ['kdr --cluster prod diag', ['diagnose']],
  ['kdr lab br', ['break']],
  ['kdr lab break kill', ['kill-broker']],
  ['kdr lab up --kafka ', ['3.5', '3.9', '4']],
  ['kdr backup ver', ['verify']],
  ['kdr backup verify la', ['latest']],
  ['kdr backup restore latest da', ['data']],
  ['kdr backup create --compression z', ['zstd']],
  ['kdr completion f', ['fish']],
] as const)('bash: %s', (line, words) => {
  expect(complete(line)).toEqual(words)
})

it('every command and every option stands in every script', () => {
  const names = program.commands.flatMap((command) => [command.name(), ...command.commands.map((child) => child.name())])
  const flags = program.commands.flatMap((command) => command.options.map((option) => option.long?.slice(2) ?? ''))
  for (const shell of ['bash', 'zsh', 'fish']) for (const word of [...names, ...flags]) expect(scriptFor(shell)).toContain(word)
})

it('there is none for other shells', () => {
  expect(completionScript('tcsh', program, VALUES)).toBeNull()
})
