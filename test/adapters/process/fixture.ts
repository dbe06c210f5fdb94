// A cluster of one real process that is no JVM: Node under the name `java`, so that starting, stopping and
// recognising are tried on real processes within milliseconds.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ProcessNode, type ProcessState, writeState } from '../../../src/adapters/process/state-file.ts'

const SERVER = `
const [mode] = process.argv.slice(2)
console.log('up', mode, process.env.KAFKA_OPTS ?? 'clean')
process.on('SIGTERM', () => { if (mode !== 'stubborn') { console.log('bye'); process.exit(143) } })
if (mode === 'dies') { console.log('FATAL no such luck'); process.exit(1) }
if (mode === 'oom') { console.log('Terminating due to java.lang.OutOfMemoryError: Java heap space'); setTimeout(() => process.exit(3), 300) }
setInterval(() => {}, 1000)
`

const WRITES_META = `printf 'version=1\\nnode.id=7\\ncluster.id=abc\\n' > "$1"`

export type Mode = 'willing' | 'stubborn' | 'dies' | 'oom'

export interface Fixture {
  readonly folder: string
  readonly node: ProcessNode
  readonly state: ProcessState
  readonly stateFile: string
  letGo(): void
  remove(): void
}

/** `format` makes the node one that is formatted while blank: `ok` writes meta.properties, `held` does so once `letGo` was called, `fails` exits 9. */
export const fixture = (mode: Mode = 'willing', format: 'none' | 'ok' | 'held' | 'fails' = 'none'): Fixture => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kdr process's-")))
  const home = join(folder, 'kafka1')
  const [java, server, file, data] = [join(folder, 'java'), join(folder, 'server.cjs'), join(home, 'node.properties'), join(home, 'data')]
  mkdirSync(data, { recursive: true })
  symlinkSync(process.execPath, java)
  writeFileSync(server, SERVER)
  writeFileSync(file, 'node.id=7\nlisteners=PLAINTEXT://127.0.0.1:1\n')
  const meta = join(data, 'meta.properties')
  const held = join(folder, 'let-go')
  const formatter = {
    none: null,
    ok: ['sh', '-c', WRITES_META, 'sh', meta],
    held: ['sh', '-c', `while ! [ -e "$2" ]; do sleep 0.02; done; ${WRITES_META}`, 'sh', meta, held],
    fails: ['sh', '-c', 'echo cannot format; exit 9'],
  }
  const node: ProcessNode = {
    name: 'kafka1',
    roles: ['broker'],
    file,
    home,
    dataDirs: [data],
    listeners: ['127.0.0.1:1'],
    argv: [java, server, mode, 'kafka.Kafka', file],
    format: formatter[format],
  }
  const stateFile = join(folder, 'lab.json')
  const state: ProcessState = {
    schema: 'kdr/process/1',
    cluster: 'toy',
    id: 'abc-1',
    kafka: '3.5.2',
    mode: 'kraft',
    ports: [1],
    tools: join(folder, 'bin'),
    settingUp: null,
    nodes: [node],
  }
  writeState(stateFile, state)
  return { folder, node, state, stateFile, letGo: () => writeFileSync(held, ''), remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) }
}
