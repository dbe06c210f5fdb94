// One broker as users start them: Kafka's own flags of the JVM and settings, 1 GB of heap. A lab's brokers are made to start fast
// and to be small, and would be measured in place of what is measured.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import path from 'node:path'

const HEAP = ['-Xmx1g', '-Xms1g']
const FLAGS = ['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent']
const PATIENCE = 60_000

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const answers = (port) =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(socket.destroy() !== null))
    socket.once('error', () => resolve(false))
  })

const propertiesOf = (home, client, controller) => `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${client}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${path.join(home, 'data')}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
`

/** Where kdr finds it: a cluster of one process. */
const describe = (home, name, properties, ports) => {
  const state = path.join(home, 'state.json')
  const node = {
    name: 'kafka1',
    roles: ['broker', 'controller'],
    file: properties,
    home,
    dataDirs: [path.join(home, 'data')],
    listeners: [`127.0.0.1:${ports[0]}`],
    argv: ['java', 'kafka.Kafka', properties],
    format: null,
  }
  writeFileSync(
    state,
    JSON.stringify({ schema: 'kdr/process/1', cluster: name, id: name, kafka: '4', mode: 'kraft', ports, tools: home, settingUp: null, nodes: [node] }),
  )
  const config = path.join(home, 'kdr.yaml')
  writeFileSync(config, `clusters:\n  ${name}:\n    platform: { process: { state: ${state} } }\n    kafka: { bootstrap: ["127.0.0.1:${ports[0]}"] }\n`)
  return config
}

/** `jars`: folder of Kafka's jars, 4.x. Returns where it listens, kdr's configuration of it, and what ends it. */
export const startBroker = async (home, name, jars) => {
  mkdirSync(home)
  const ports = [await freePort(), await freePort()]
  const properties = path.join(home, 'server.properties')
  writeFileSync(properties, propertiesOf(home, ...ports))
  const java = (...args) => ['-cp', `${jars}/*`, ...args]
  const formatted = spawnSync('java', java('kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', properties, '--standalone'), {
    encoding: 'utf8',
  })
  if (formatted.status !== 0) throw new Error(`the broker's disk could not be formatted: ${formatted.stderr}${formatted.stdout}`)
  const log = path.join(home, 'out.log')
  const out = openSync(log, 'a')
  const child = spawn('java', [`-Dkdr.lab=${name}`, ...HEAP, ...FLAGS, ...java('kafka.Kafka', properties)], { stdio: ['ignore', out, out] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  for (const since = Date.now(); !(await answers(ports[0])); await new Promise((resolve) => setTimeout(resolve, 200)))
    if (child.exitCode !== null || Date.now() - since > PATIENCE) throw new Error(`the broker does not listen: see ${log}`)
  return {
    bootstrap: `127.0.0.1:${ports[0]}`,
    config: describe(home, name, properties, ports),
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await ended
      clearTimeout(timer)
    },
  }
}
