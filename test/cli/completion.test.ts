// Completion scripts, tried in the shells themselves where they are installed.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openDirectory } from '../../src/adapters/directory/open-directory.ts'
import { completionScript } from '../../src/cli/completion.ts'
import { buildTree } from '../../src/cli/tree.ts'
import { writeSample } from '../archive/sample.ts'
import { kdrIn } from './kdr.ts'

const VALUES = { scenarios: ['single-broker'], effects: ['restart', 'change'], faults: ['kill-broker'] }
const program = buildTree('0', async () => {})
const scriptFor = (shell: string): string => completionScript(shell, program, VALUES) ?? ''

const complete = (line: string): readonly string[] => {
  const words = line.split(' ')
  const script = `${scriptFor('bash')}
kdr() {
  [ "$*" = 'completion clusters' ] && printf 'prod\\nlab\\n'
  [[ "$*" = 'completion backups -- backup '*' --store /b'* ]] && printf 'full_backup_2\\nfull_backup_1\\n'
}
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
  ['kdr backup show --store /b fu', ['full_backup_2', 'full_backup_1']],
  ['kdr backup restore --store /b full_backup_1', ['full_backup_1']],
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

it('names the backups of the store on the line, newest first', async () => {
  const kdr = kdrIn()
  try {
    const store = openDirectory({ path: join(kdr.home, 'backups'), create: true })
    await writeSample({ store, name: 'full_backup_20261123_031500' })
    await writeSample({ store, name: 'full_backup_20261125_031500' })
    writeFileSync(join(kdr.home, 'backups', 'full_backup_20261126_031500.tar.gz'), 'nobody finished it')
    const { out } = await kdr(['completion', 'backups', '--', 'backup', 'show', '--store', 'backups'])
    expect(out.trim().split('\n')).toEqual(['full_backup_20261125_031500', 'full_backup_20261123_031500'])
    writeFileSync(join(kdr.home, 'kdr.yaml'), 'backup: { store: backups }\n')
    expect((await kdr(['completion', 'backups', '--', 'backup', 'verify'])).out).toBe(out)
    expect((await kdr(['completion', 'backups', '--', 'backup', 'show', '--store=nowhere'])).code).toBe(23)
  } finally {
    kdr.remove()
  }
})
