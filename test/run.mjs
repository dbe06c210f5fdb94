// `npm test`: runs every tier this machine can run, says which it could not and why, and ends with one line
// of totals. KDR_TIERS=all (CI) brings the labs up itself and makes a tier that cannot run, or ran nothing, a
// failure; KDR_NODES="22 24" repeats the contract suites on those Node versions: all simulated ones, and of the
// real ones this machine's own; `long` as an argument repeats everything real that is left out of CI. Tests of
// real clusters mostly wait for sessions to expire, so two labs run side by side; more of them would starve each
// other, and what was not seen in time is unknown.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { dockerLab, dockerReason, kafkaReason, kubernetesLab, kubernetesReason } from './tiers.mjs'

const root = path.join(import.meta.dirname, '..')
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
const folder = mkdtempSync(path.join(tmpdir(), 'kdr-tests-'))
const required = process.env.KDR_TIERS === 'all'
const total = { passed: 0, failed: 0, skipped: 0 }
const problems = []
/** Said again at the end: a log's tail is what people get to see. */
const failures = []
const times = []
const files = []

const SIDE_BY_SIDE = ['--maxWorkers=2']
const ALONE = ['--maxWorkers=1', '--no-file-parallelism']

const TIERS = [
  { name: 'unit', reason: () => null, args: SIDE_BY_SIDE },
  { name: 'simulated', reason: () => null, args: SIDE_BY_SIDE },
  { name: 'contract', reason: kafkaReason, args: SIDE_BY_SIDE },
  { name: 'real', reason: kafkaReason, args: SIDE_BY_SIDE },
]
/** Each on a lab of its own, and mostly waiting. */
const SIDE_BY_SIDE_TIERS = [
  { name: 'docker', reason: dockerReason, lab: dockerLab, args: ALONE },
  { name: 'kubernetes', reason: kubernetesReason, lab: kubernetesLab, args: ALONE },
]
/** What has no lab here is left out. */
const longReason = async () => {
  const whys = { docker: dockerReason({}), kubernetes: await kubernetesReason({}) }
  const out = Object.entries(whys).filter(([, why]) => why !== null)
  const note = out.map(([lab, why]) => `those on ${lab} are left out: ${why.note ?? why}`).join('; ')
  return kafkaReason() ?? (out.length === 0 ? null : { exclude: out.map(([lab]) => `**/*${lab}*`), note })
}
const ON_DEMAND = [{ name: 'long', reason: longReason, args: SIDE_BY_SIDE }]

const read = (file, label) => {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    for (const suite of report.testResults) {
      files.push({ name: path.relative(root, suite.name), seconds: Math.round((suite.endTime - suite.startTime) / 1000) })
      for (const { status, fullName } of suite.assertionResults)
        if (status === 'failed') failures.push(`${label}: ${path.relative(root, suite.name)}: ${fullName}`)
    }
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

/** Of a tier that runs beside another, the output is kept until it has ended. */
const vitestRun = (node, args, env, kept) =>
  new Promise((resolve) => {
    const child = spawn(node, [vitest, 'run', ...args], { stdio: kept ? ['ignore', 'pipe', 'pipe'] : 'inherit', cwd: root, env: { ...process.env, ...env } })
    let output = ''
    for (const stream of kept ? [child.stdout, child.stderr] : []) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('close', (status) => resolve({ status, output }))
  })

const runTier = async (label, node, args, { env = {}, kept = false } = {}) => {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`\n== ${label} (Node ${version})`)
  const began = performance.now()
  const out = path.join(folder, `${label.replaceAll(' ', '-')}.json`)
  const { status, output } = await vitestRun(node, [...args, '--reporter=default', '--reporter=json', `--outputFile=${out}`], env, kept)
  if (kept) console.log(`\n== ${label}, what it said\n${output}`)
  const counts = read(out, label)
  for (const key of Object.keys(total)) total[key] += counts[key]
  times.push(`${label} ${Math.round((performance.now() - began) / 1000)} s`)
  if (counts.passed + counts.failed === 0) problems.push(`${label} ran no test`)
  else if (status !== 0 && counts.failed === 0) problems.push(`${label} ended with ${status}`)
}

const unavailable = (label, why) => {
  console.log(`\n${label}: not run, ${why}`)
  if (required) problems.push(`${label} could not run: ${why}`)
}

/** With its lab around it, where one is to be brought up; `why` is what is missing even then. */
const runOne = async ({ name, reason, lab, args }, kept = false) => {
  const up = required && lab !== undefined ? await lab.up() : { env: {}, exclude: [] }
  if (up.why !== undefined) return unavailable(name, up.why)
  try {
    const why = await reason(up.env)
    if (why !== null && why.exclude === undefined) return unavailable(name, why)
    const exclude = (why?.exclude ?? []).flatMap((pattern) => ['--exclude', pattern])
    if (why?.note !== undefined) console.log(`\n${name}: ${why.note}`)
    await runTier(name, process.execPath, ['--project', name, ...args, ...exclude], { env: up.env, kept })
  } finally {
    if (required) await lab?.down()
  }
}

/** Path of that Node's binary, from the npm package `node`. */
const otherNode = (major) => {
  const prefix = path.join(root, '.cache', `node-${major}`)
  const binary = path.join(prefix, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node@${major}`], { stdio: 'ignore' })
  return existsSync(binary) ? binary : null
}

const repeatOn = async (major) => {
  const label = `contract on Node ${major}`
  const node = otherNode(major)
  if (node === null) return unavailable(label, `the npm package node@${major} could not be installed`)
  const files = ['simulated', 'real-system'].map((name) => `test/contract/${name}.test.ts`)
  await runTier(label, node, ['--project', 'simulated', '--project', 'contract', ...SIDE_BY_SIDE, ...files])
}

const asked = process.argv.slice(2)
const wanted = (tiers) => tiers.filter(({ name }) => asked.length === 0 || asked.includes(name))
for (const tier of wanted(TIERS)) await runOne(tier)
await Promise.all(wanted(SIDE_BY_SIDE_TIERS).map((tier) => runOne(tier, asked.length === 0)))
if (asked.length > 0) for (const tier of wanted(ON_DEMAND)) await runOne(tier)
else for (const major of (process.env.KDR_NODES ?? '').split(/\s+/).filter(Boolean)) await repeatOn(major)
rmSync(folder, { recursive: true, force: true })

const slowest = files.sort((a, b) => b.seconds - a.seconds).slice(0, 16)
console.log(`\nslowest: ${slowest.map(({ name, seconds }) => `${name} ${seconds} s`).join(', ')}`)
console.log(`took: ${times.join(', ')}`)
for (const failure of failures) console.log(`failed: ${failure}`)
for (const problem of problems) console.error(`FAILED: ${problem}`)
console.log(`tests: ${total.passed} passed, ${total.failed + problems.length} failed, ${total.skipped} skipped`)
process.exit(total.failed + problems.length > 0 ? 1 : 0)
