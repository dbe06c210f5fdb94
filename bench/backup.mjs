// Backup and restore beside what a user would run instead, as ratios in one run: rounds in turn, medians, and for each its
// wall time, CPU and peak memory. Never a timed test: `npm run bench:backup -- [records] [rounds] [profiles]` prints, and exits
// 1 when a target is missed. 8000000 records are 8 GB: only memory is worth looking at there.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { jarsOf } from '../dist/lab/jars.js'
import { RELEASES } from '../dist/lab/versions.js'
import { startBroker } from './broker.mjs'

const [records = 1_000_000, rounds = 3] = process.argv.slice(2, 4).map(Number)
const profiles = (process.argv[4] ?? 'none,lz4,zstd').split(',')
const SIZE = 1024
const GB = (records * SIZE) / 1e9
const CLUSTER = 'bench'

const root = path.join(import.meta.dirname, '..')
const kdr = [process.execPath, path.join(root, 'bin', 'kdr.js')]
const home = mkdtempSync(path.join(process.env.KDR_BENCH_HOME ?? tmpdir(), 'kdr-bench-'))
const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache')
const env = { ...process.env, XDG_STATE_HOME: home, XDG_CACHE_HOME: cache }

/** Exact where a parent that polls would miss the end: the kernel's own account of the child and all of its children. */
const WAIT = `
import json, os, sys, time
start = time.time()
pid = os.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "wall": time.time() - start, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss / 1024}), file=open(os.environ["MEASURED"], "w"))
`
const measured = (argv) => {
  const file = path.join(home, 'measured.json')
  const { stdout, stderr } = spawnSync('python3', ['-c', WAIT, ...argv], { env: { ...env, MEASURED: file }, encoding: 'utf8', maxBuffer: 1 << 28 })
  const used = JSON.parse(spawnSync('cat', [file], { encoding: 'utf8' }).stdout)
  if (used.code !== 0) throw new Error(`${argv.join(' ')} ended with ${used.code}: ${stderr.slice(-2000)}`)
  return { ...used, out: stdout }
}

const run = (argv) => {
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { env, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`)
  return stdout
}

const classes = path.join(home, 'classes')
/** As Kafka's own scripts start them. */
const java = (jars, main, ...args) => ['java', '-Xmx512m', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-cp', `${jars}/*:${classes}`, main, ...args]
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const has = (program) => spawnSync('which', [program]).status === 0
const sizeOf = (folder) => readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0)

/** What is measured, `against` Kafka's own tool of the same kind, which is the first of it. */
const planOf = ({ jars, bootstrap, config }, profile, round) => {
  const topic = `bench-${profile}`
  const shop = ['--bootstrap-server', bootstrap, '--topic', topic]
  const store = (how) => path.join(home, `${how}-${profile}`)
  const fresh = (how) => {
    rmSync(store(how), { recursive: true, force: true })
    mkdirSync(store(how))
  }
  const create = (how, ...flags) => [
    ...kdr,
    'backup',
    'create',
    '--config',
    config,
    '--cluster',
    CLUSTER,
    '--store',
    store(how),
    '--topic',
    topic,
    '--output',
    'json',
    ...flags,
  ]
  const restored = ['--topic-prefix', `r${round}-`, '--non-interactive', '--allow', 'change', '--no-groups', '--output', 'json']
  const empty = (name) => run(java(jars, 'Corpus', 'drop', bootstrap, name))
  const restore = (tool, how, cpu) => ({
    op: 'restore',
    tool,
    argv: [...kdr, 'backup', 'restore', 'latest', 'all', '--config', config, '--cluster', CLUSTER, '--store', store(how), ...restored],
    after: () => empty(`r${round}-`),
    target: 1.5,
    cpu,
  })
  const producer = (tool, ...props) => ({
    op: 'restore',
    tool,
    before: () => run(java(jars, 'Corpus', 'bare', bootstrap, `p${round}-${topic}`, '6')),
    argv: java(
      jars,
      'org.apache.kafka.tools.ProducerPerformance',
      ...['--topic', `p${round}-${topic}`, '--num-records', String(records), '--record-size', String(SIZE), '--throughput', '-1'],
      ...['--producer-props', `bootstrap.servers=${bootstrap}`, `compression.type=${profile}`, ...props],
    ),
    after: () => empty(`p${round}-`),
  })
  const pipe = (line) => ['bash', '-c', `set -o pipefail; ${line}`]
  const quoted = (argv) => argv.map((word) => `'${word}'`).join(' ')
  const console_ = java(
    jars,
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    ...shop,
    '--from-beginning',
    '--max-messages',
    String(records),
    '--property',
    'print.key=true',
  )
  return [
    {
      op: 'backup',
      tool: 'ConsumerPerformance',
      argv: java(jars, 'org.apache.kafka.tools.ConsumerPerformance', ...shop, '--messages', String(records), '--timeout', '60000'),
    },
    {
      op: 'backup',
      tool: 'kdr',
      before: () => fresh('plain'),
      argv: create('plain'),
      target: profile === 'none' ? 0.75 : 1.5,
      cpu: profile === 'none' ? null : 3.5,
    },
    ...(profile === 'none'
      ? [{ op: 'backup', tool: 'kdr --compression none', before: () => fresh('none'), argv: create('none', '--compression', 'none'), target: 1.5, cpu: 3.5 }]
      : []),
    ...(has('kcat')
      ? [{ op: 'backup', tool: 'kcat | gzip -1', argv: pipe(`kcat -C -q -e -b ${bootstrap} -t ${topic} -K '\\t' | gzip -1 > '${home}/kcat.gz'`) }]
      : []),
    ...(round === 0 ? [{ op: 'backup', tool: 'console consumer | gzip', argv: pipe(`${quoted(console_)} | gzip > '${home}/console.gz'`) }] : []),
    producer('ProducerPerformance'),
    // With larger batches than anybody's applications send.
    producer('ProducerPerformance, 256 KiB', 'batch.size=262144', 'linger.ms=10', 'buffer.memory=134217728'),
    // Of the uncompressed one kdr deflates what there is time for: then it is its rate alone that counts.
    restore('kdr', 'plain', profile === 'none' ? null : 3.5),
    ...(profile === 'none' ? [restore('kdr of --compression none', 'none', 3.5)] : []),
  ]
}

let broker = null

const up = async () => {
  const fetching = { progress: console.error, signal: new AbortController().signal }
  const jars = await jarsOf(RELEASES['4'], path.join(cache, 'kdr'), process.env.KAFKA_HOME || null, fetching)
  broker = await startBroker(path.join(home, 'broker'), CLUSTER, jars)
  const { bootstrap, config } = broker
  mkdirSync(classes)
  run(['javac', '-nowarn', '-cp', `${jars}/*`, '-d', classes, path.join(root, 'test', 'real', 'corpus', 'Corpus.java')])
  for (const profile of profiles) {
    await breathe()
    run(java(jars, 'Corpus', 'load', bootstrap, `bench-${profile}`, profile, '6', String(records), String(SIZE)))
  }
  return { jars, bootstrap, config }
}

let stopped = null
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (stopped = signal))
/** Everything else here waits in the kernel, where no signal is heard: between two of them it is, so that the broker is always ended. */
const breathe = async () => {
  await new Promise(setImmediate)
  if (stopped !== null) throw new Error(`stopped by ${stopped}; the broker is ended`)
}

const figures = new Map()
const note = (profile, { op, tool, target, cpu }, used) => {
  const key = `${profile} ${op} ${tool}`
  const figure = figures.get(key) ?? { profile, op, tool, target, cpuTarget: cpu, walls: [], cpus: [], rss: 0 }
  figure.walls.push(used.wall)
  figure.cpus.push(used.cpu)
  figure.rss = Math.max(figure.rss, used.rss)
  figures.set(key, figure)
  console.error(`${key}: ${used.wall.toFixed(2)} s, ${(used.cpu / GB).toFixed(1)} CPU s/GB, ${Math.round(used.rss)} MiB`)
}

const rowOf = (figure) => {
  const base = [...figures.values()].find(({ profile, op }) => profile === figure.profile && op === figure.op)
  const rate = median(base.walls) / median(figure.walls)
  const cpu = median(figure.cpus) / GB
  const misses =
    figure.target === undefined
      ? []
      : [...(rate < figure.target ? ['rate'] : []), ...(figure.cpuTarget && cpu > figure.cpuTarget ? ['CPU'] : []), ...(figure.rss > 300 ? ['memory'] : [])]
  return {
    profile: figure.profile,
    op: figure.op,
    tool: figure.tool,
    'wall s': Number(median(figure.walls).toFixed(2)),
    'MB/s': Math.round((GB * 1000) / median(figure.walls)),
    'CPU s/GB': Number(cpu.toFixed(1)),
    'RSS MiB': Math.round(figure.rss),
    'rate ÷ Kafka’s': Number(rate.toFixed(2)),
    target: figure.target === undefined ? '' : `>= ${figure.target}`,
    met: figure.target === undefined ? '' : misses.length === 0 ? 'yes' : `no: ${misses.join(', ')}`,
  }
}

try {
  const cluster = await up()
  for (let round = 0; round < rounds; round += 1)
    for (const profile of profiles)
      for (const each of planOf(cluster, profile, round)) {
        await breathe()
        each.before?.()
        // What those before have written and no disk has yet is theirs, not to be paid for by this one.
        run(['sync'])
        note(profile, each, measured(each.argv))
        each.after?.()
      }
  for (const profile of profiles) {
    const store = path.join(home, `plain-${profile}`)
    console.error(`${profile}: archive of ${Math.round(sizeOf(store) / 1e6)} MB`)
  }
} finally {
  await broker?.stop()
  rmSync(home, { recursive: true, force: true })
}
const rows = [...figures.values()].map(rowOf)
console.table(rows)
process.exit(rows.every(({ met }) => !String(met).startsWith('no')) ? 0 : 1)
