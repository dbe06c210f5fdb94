// Watching at a real terminal of 80 columns, without colour: redrawn in place, never longer than the screen, ended by a key.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Kdr, kdrIn } from '../cli/kdr.ts'
import { atTerminal, KDR } from './at-terminal.ts'

let kdr: Kdr
beforeAll(() => {
  kdr = kdrIn()
})
afterAll(() => kdr.remove())

/** A cluster of processes, none of which runs. */
const stateOf = (home: string) => ({
  schema: 'kdr/process/1',
  cluster: 'prod',
  id: 'watched',
  kafka: '4.3.1',
  mode: 'kraft',
  ports: [1],
  tools: join(home, 'tools'),
  settingUp: null,
  nodes: [1, 2, 3].map((id) => {
    const file = join(home, `kafka${id}`, 'node.properties')
    const argv = [process.execPath, 'kafka.Kafka', file]
    return {
      name: `kafka${id}`,
      roles: ['broker'],
      file,
      home: join(home, `kafka${id}`),
      dataDirs: [join(home, 'data')],
      listeners: ['127.0.0.1:1'],
      argv,
      format: null,
    }
  }),
})

it('draws each picture over the last one, and q ends it with the last verdict', async () => {
  const [state, file] = [join(kdr.home, 'cluster.json'), join(kdr.home, 'watched.yaml')]
  writeFileSync(state, JSON.stringify(stateOf(kdr.home)))
  writeFileSync(file, `clusters:\n  prod:\n    platform: { process: { state: ${state} } }\n    kafka: { bootstrap: ['127.0.0.1:1'] }\n`)
  const once = await kdr(['diagnose', '--config', file, '--cluster', 'prod'])
  const { code, screen } = await atTerminal(kdr.home, `${KDR} diagnose --watch 1 --config ${file} --cluster prod`, [
    ['Verdict', ''],
    ['Verdict', 'q'],
  ])
  expect(code, screen).toBe(once.code)
  const [, ...pictures] = screen.split('\u001b[J')
  expect(pictures.length).toBeGreaterThanOrEqual(2)
  const rows = pictures.map((picture) => stripVTControlCharacters(picture).replaceAll('\r', '').trimEnd().split('\n'))
  for (const picture of rows) expect(picture.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0)).toBeLessThan(24)
  // Back up over as many rows as were drawn, and nothing else that a terminal would understand as a command.
  const commands = screen
    .split('\u001b[')
    .slice(1)
    .map((after) => after.match(/^[0-9;?]*([A-Za-z])/)?.[1])
  expect([...new Set(commands)].sort()).toEqual(['A', 'J'])
  expect(once.out).toContain((rows[0]?.find((line) => line.startsWith('Verdict:')) ?? '?').trim())
})
