// Speed, side by side with what a user would otherwise run, as ratios in one run: alternating, medians of
// N rounds. Never a timed test: `npm run bench` prints, and exits 1 when a target is missed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const kdr = path.join(root, 'bin', 'kdr.js')
const home = mkdtempSync(path.join(tmpdir(), 'kdr-bench-'))
const env = { ...process.env, XDG_STATE_HOME: home, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache') }
delete env.NODE_EXTRA_CA_CERTS

const once = (argv) => {
  const start = performance.now()
  const { status, stderr } = spawnSync(argv[0], argv.slice(1), { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`)
  return performance.now() - start
}

const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]

/** Rows of { what, ours, theirs, ratio, target }. */
const compare = (what, ours, theirs, rounds, target) => {
  const times = { ours: [], theirs: [] }
  once(ours)
  once(theirs)
  for (let round = 0; round < rounds; round += 1) {
    times.ours.push(once(ours))
    times.theirs.push(once(theirs))
  }
  const [a, b] = [median(times.ours), median(times.theirs)]
  return { what, 'ours ms': Math.round(a), 'theirs ms': Math.round(b), ratio: Number((a / b).toFixed(2)), target: `<= ${target}`, met: a / b <= target }
}

const rows = [compare('kdr --help ÷ node -e 0', [process.execPath, kdr, '--help'], [process.execPath, '-e', '0'], 15, 2.5)]
const asked = process.argv.slice(2)
for (const kafka of asked.length > 0 ? asked : ['3.5', '4']) {
  const name = `bench-${kafka}`
  try {
    const up = spawnSync(process.execPath, [kdr, 'lab', 'up', '--name', name, '--kafka', kafka, '--output', 'json'], { env, encoding: 'utf8' })
    if (up.status !== 0) throw new Error(up.stderr)
    const { bootstrap } = JSON.parse(up.stdout)
    const tool = path.join(home, 'kdr', 'labs', name, 'bin', 'kafka-topics')
    for (const topic of ['a', 'b', 'c', 'd']) {
      once([
        tool,
        '--bootstrap-server',
        bootstrap,
        '--create',
        '--topic',
        topic,
        '--partitions',
        '6',
        '--replication-factor',
        '3',
        '--config',
        'min.insync.replicas=2',
      ])
    }
    const describe = [tool, '--bootstrap-server', bootstrap, '--describe']
    rows.push(
      compare(`kdr diagnose ÷ kafka-topics --describe, ${kafka}`, [process.execPath, kdr, 'diagnose', '--cluster', name, '--output', 'json'], describe, 7, 1),
    )
  } finally {
    spawnSync(process.execPath, [kdr, 'lab', 'down', '--name', name], { env })
  }
}
rmSync(home, { recursive: true, force: true })
console.table(rows)
process.exit(rows.every(({ met }) => met) ? 0 : 1)
