import { describe, expect, it } from 'vitest'
import { parseProperties } from '../../src/adapters/process/volume.ts'
import { belongsTo } from '../../src/lab/down.ts'
import { parseJavaVersion } from '../../src/lab/java.ts'
import { labFolder } from '../../src/lab/labs.ts'
import { type LabPlan, planLab } from '../../src/lab/plan.ts'
import { type Controllers, portOffsets } from '../../src/lab/properties.ts'
import { parseLabVersion, RELEASES, toolClasses } from '../../src/lab/versions.ts'
import type { LabVersion } from '../../src/model/lab.ts'

const FOLDER = "/home/o'neil/labs/lab"
const plan = (kafka: LabVersion, controllers: Controllers = 'own', registries = false, classArchive: string | null = null): LabPlan =>
  planLab({
    name: 'lab',
    id: 'id-1',
    folder: FOLDER,
    release: RELEASES[kafka],
    controllers,
    registries,
    java: '/usr/bin/java',
    jars: '/cache/kafka',
    classArchive,
    base: 19_000,
    clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
    settingUp: null,
  })
const SHAPES: readonly (readonly [LabVersion, Controllers])[] = [
  ['3.5', 'own'],
  ['3.9', 'own'],
  ['4', 'own'],
  ['4', 'combined'],
]
const propertiesOf = ({ files, state }: LabPlan, name: string) => parseProperties(files.get(state.nodes.find((node) => node.name === name)?.file ?? '') ?? '')

it('starts every JVM from the class archive where there is one', () => {
  const [without, own] = [plan('4'), plan('4', 'own', false, '/cache/4.jsa')]
  const flags = (made: LabPlan) =>
    [...made.state.nodes.map(({ argv }) => argv), ...made.formats.map(({ argv }) => argv)].map((argv) => argv.filter((word) => word.includes('Shared')))
  expect(flags(own)).toEqual(flags(without).map(() => ['-XX:SharedArchiveFile=/cache/4.jsa']))
  expect(flags(without).flat()).toEqual([])
})

it('adds two Schema Registries when they are asked for, found and removed like every node', () => {
  const made = plan('4', 'own', true)
  const registries = made.state.nodes.filter(({ roles }) => roles.includes('schema-registry'))
  expect(registries.map(({ name, listeners }) => [name, listeners])).toEqual([
    ['schema-registry1', ['127.0.0.1:19046']],
    ['schema-registry2', ['127.0.0.1:19047']],
  ])
  expect(made.state.ports).toEqual(expect.arrayContaining([19_046, 19_047]))
  for (const node of registries) {
    expect(propertiesOf(made, node.name).get('listeners')).toBe(`http://${node.listeners[0]}`)
    expect(belongsTo({ pid: 1, start: '1', startedAt: 0, state: 'S', args: node.argv, command: '' }, FOLDER)).toBe(true)
    expect(belongsTo({ pid: 1, start: '1', startedAt: 0, state: 'S', args: ['node', 'bin/kdr.js', node.file], command: '' }, FOLDER)).toBe(false)
  }
})

describe.each(SHAPES)('a lab of Kafka %s, controllers %s', (kafka, controllers) => {
  const made = plan(kafka, controllers)

  it('binds and names loopback only, on its own ports', () => {
    const { ports } = made.state
    expect(ports).toEqual(portOffsets(RELEASES[kafka], false).map((offset) => 19_000 + offset))
    for (const node of made.state.nodes) {
      const text = made.files.get(node.file) ?? ''
      // Whatever looks like a port of the block has 127.0.0.1 before it, but for clientPort, which has an address line of its own.
      const used = [...text.matchAll(/(\S*?)[:=](19\d{3})\b/g)].map(([, before, port]) => [before, Number(port)] as const)
      expect(used.length).toBeGreaterThan(0)
      for (const [before, port] of used) {
        expect(ports).toContain(port)
        expect(before === '' || before === 'clientPort' || /127\.0\.0\.1(:19\d{3})?$/.test(before ?? '')).toBe(true)
      }
      if (node.roles.includes('zookeeper')) expect(propertiesOf(made, node.name).get('clientPortAddress')).toBe('127.0.0.1')
      else expect(propertiesOf(made, node.name).get('listeners')).toMatch(/^[A-Z]+:\/\/127\.0\.0\.1:\d+(,CONTROLLER:\/\/127\.0\.0\.1:\d+)?$/)
    }
  })

  it('marks every JVM, keeps heaps small and creates no topic by accident', () => {
    for (const node of made.state.nodes) {
      expect(node.argv).toContain('-Dkdr.lab=id-1')
      expect(node.argv).toContain('-XX:+ExitOnOutOfMemoryError')
      expect(node.argv).toContain(node.roles.includes('broker') ? '-Xmx320m' : '-Xmx128m')
      if (node.roles.includes('broker')) expect(propertiesOf(made, node.name).get('auto.create.topics.enable')).toBe('false')
    }
  })

  it('formats brokers by themselves while blank, the quorum only once', () => {
    const voters = made.state.nodes.filter((node) => node.roles.includes('controller'))
    for (const node of made.state.nodes) {
      const pureBroker = made.state.mode === 'kraft' && !node.roles.includes('controller')
      expect(node.format === null).toBe(!pureBroker)
    }
    expect(made.formats.map((each) => each.node)).toEqual(voters.map((node) => node.name))
  })

  it('gives every node a home and a file of its own', () => {
    expect(new Set(made.state.nodes.map((node) => node.file)).size).toBe(made.state.nodes.length)
    for (const node of made.state.nodes) expect(node.argv.slice(-1)).toEqual([node.file])
  })
})

it('has a quorum apart from the brokers, unless asked otherwise', () => {
  expect(propertiesOf(plan('4'), 'kafka1').get('controller.quorum.voters')).toBe('101@127.0.0.1:19041,102@127.0.0.1:19042,103@127.0.0.1:19043')
  expect(propertiesOf(plan('4'), 'ctl2').get('node.id')).toBe('102')
  expect(plan('4', 'combined').state.nodes.map((node) => node.roles)).toEqual(Array(3).fill(['broker', 'controller']))
  expect(propertiesOf(plan('3.5'), 'kafka2').get('zookeeper.connect')).toBe('127.0.0.1:19011,127.0.0.1:19012,127.0.0.1:19013')
})

it('writes tools that survive any folder name', () => {
  const script = plan('3.5').files.get(`${FOLDER}/bin/zookeeper-shell`) ?? ''
  expect(script).toContain(`o'\\''neil`)
  expect(script).toMatch(/ org\.apache\.zookeeper\.ZooKeeperMain -server "\$@"\n$/)
  expect(Object.keys(toolClasses(RELEASES['4']))).not.toContain('zookeeper-shell')
})

describe('versions and names', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_392"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', null],
  ])('Java: %s', (text, major) => {
    expect(parseJavaVersion(text)).toBe(major)
  })

  it('knows its Kafka versions and no others', () => {
    expect(parseLabVersion('3.9')).toBe('3.9')
    expect(() => parseLabVersion('2.8')).toThrow(expect.objectContaining({ code: 'unknown-kafka-version', exit: 'usage' }))
  })

  it.each(['', '.', '..', '../x', 'a/b', '.hidden', '-x', 'a b', 'x'.repeat(64)])('refuses the lab name %j', (name) => {
    expect(() => labFolder(name, '/labs')).toThrow(expect.objectContaining({ code: 'bad-lab-name', exit: 'usage' }))
  })
})

describe('whose process it is', () => {
  const row = (...args: string[]) => ({ pid: 7, start: '1', startedAt: 1, state: 'S', args, command: args.join(' ') })
  const file = '/labs/lab/kafka1/node.properties'
  it('takes the lab’s nodes, formatters and start scripts', () => {
    for (const args of [
      ['/usr/bin/java', '-Dkdr.lab=x', 'kafka.Kafka', file],
      ['java', '-Dkdr.lab=x', 'kafka.tools.StorageTool', 'format', '--config', file],
      ['/bin/sh', '/labs/lab/kafka1/start.sh'],
    ]) {
      expect(belongsTo(row(...args), '/labs/lab')).toBe(true)
      expect(belongsTo({ ...row(...args), args: null }, '/labs/lab')).toBe(true)
    }
  })
  it.each([
    [['vi', file]],
    [['java', 'kafka.Kafka', file]],
    [['java', '-Dkdr.lab=x', 'kafka.Kafka', '/labs/lab2/kafka1/node.properties']],
    [['java', '-Dkdr.lab=x', 'kafka.Kafka', '/labs/other/lab/kafka1/node.properties']],
    [['java', '-Dkdr.lab=x', '-Dlog4j.configuration=file:/labs/lab/log4j.properties', 'kafka.admin.TopicCommand']],
    [['bash', '/labs/start.sh']],
    [['tail', '/labs/lab/kafka1/start.sh']],
  ])('leaves %j alone', (args) => {
    expect(belongsTo(row(...args), '/labs/lab')).toBe(false)
  })
})
