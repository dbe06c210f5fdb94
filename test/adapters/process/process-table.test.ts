import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { findNode, parsePsLine, processTable, type Row, runsNode } from '../../../src/adapters/process/process-table.ts'
import type { ProcessNode } from '../../../src/adapters/process/state-file.ts'

const FILE = '/labs/a/kafka1/node.properties'
const NODE: ProcessNode = {
  name: 'kafka1',
  roles: ['broker'],
  file: FILE,
  home: '/labs/a/kafka1',
  dataDirs: ['/labs/a/kafka1/data'],
  listeners: ['127.0.0.1:19001'],
  argv: ['/usr/bin/java', '-Xmx320m', 'kafka.Kafka', FILE],
  format: null,
}

const row = (args: readonly string[], more: Partial<Row> = {}): Row => ({
  pid: 42,
  start: '1000',
  startedAt: 5000,
  state: 'S',
  args,
  command: args.join(' '),
  ...more,
})
/** As `ps` shows it, where /proc is absent. */
const joined = (each: Row): Row => ({ ...each, args: null })

const OURS = ['/opt/jdk/bin/java', '-Xmx1g', '-cp', 'x', 'kafka.Kafka', FILE]
const NOT_OURS: readonly (readonly [string, readonly string[]])[] = [
  ['an editor that has the file open', ['vi', FILE]],
  ['its formatter', ['/usr/bin/java', 'kafka.tools.StorageTool', 'format', '--config', FILE]],
  ['another node', ['/usr/bin/java', 'kafka.Kafka', '/labs/a/kafka2/node.properties']],
  ['the same node of a lab whose name only begins alike', ['/usr/bin/java', 'kafka.Kafka', `/other${FILE}`]],
  ['a backup of the file', ['/usr/bin/java', 'kafka.Kafka', `${FILE}.bak`]],
  ['a shell that waits for it', ['bash', '-c', `pgrep -f "kafka.Kafka ${FILE}"`]],
  ['a search for it', ['pgrep', '-f', 'kafka.Kafka', FILE]],
]

describe('recognising a node', () => {
  it('knows its own process, by arguments and by the joined line', () => {
    expect(runsNode(row(OURS), NODE)).toBe(true)
    expect(runsNode(joined(row(OURS)), NODE)).toBe(true)
  })

  it.each(NOT_OURS)('is not fooled by %s', (_, args) => {
    expect(runsNode(row(args), NODE)).toBe(false)
    expect(runsNode(joined(row(args)), NODE)).toBe(false)
  })

  it('names the incarnation by id and start', () => {
    expect(findNode([row(OURS)], NODE)).toEqual({ pid: 42, uid: '42@1000', startedAt: 5000, paused: false, shell: false })
    expect(findNode([row(OURS, { state: 'T' })], NODE)?.paused).toBe(true)
    expect(findNode([], NODE)).toBeNull()
  })

  it('takes the oldest of two, and the process before its shell', () => {
    const shell = row(['sh', '/labs/a/kafka1/start.sh'], { pid: 41, startedAt: 4000 })
    const younger = row(OURS, { pid: 43, startedAt: 6000 })
    expect(findNode([younger, row(OURS), shell], NODE)?.pid).toBe(42)
    expect(findNode([shell], NODE)).toMatchObject({ pid: 41, shell: true })
  })
})

describe('the table', () => {
  it('holds this very process, with the same start each time', async () => {
    const own = (await processTable()).find((each) => each.pid === process.pid)
    expect(own?.command).toContain('node')
    expect((await processTable()).find((each) => each.pid === process.pid)?.start).toBe(own?.start)
  })

  it('agrees with ps, which stands in where there is no /proc', async () => {
    const { stdout } = spawnSync('ps', ['-axo', 'pid=,lstart=,state=,command='], { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C' } })
    const line = stdout.split('\n').find((each) => Number.parseInt(each, 10) === process.pid) ?? ''
    const [ps, own] = [parsePsLine(line), (await processTable()).find((each) => each.pid === process.pid)]
    expect(ps?.command.split(' ')[0]).toBe(own?.command.split(' ')[0])
    expect(Math.abs((ps?.startedAt ?? 0) - (own?.startedAt ?? 0))).toBeLessThan(2500)
  })

  it('reads what ps prints', () => {
    expect(parsePsLine('  501 Sun Nov 22 17:20:10 2026     Ss+  /usr/bin/java -cp x kafka.Kafka /a b/node.properties')).toEqual({
      pid: 501,
      start: `${Date.parse('Sun Nov 22 17:20:10 2026') / 1000}s`,
      startedAt: Date.parse('Sun Nov 22 17:20:10 2026'),
      state: 'S',
      args: null,
      command: '/usr/bin/java -cp x kafka.Kafka /a b/node.properties',
    })
    expect(parsePsLine('garbage')).toBeNull()
  })
})
