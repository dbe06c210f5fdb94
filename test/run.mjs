// `npm test`: runs every tier this machine can run, says which it could not and why, and ends with one line
// of totals. KDR_TIERS=all (CI) makes a tier that cannot run, or ran nothing, a failure; KDR_NODES="22 24"
// repeats the contract suites on those Node versions: all simulated ones, and the real ones on 3.5, which has
// every port. Tests of real clusters mostly wait for sessions to expire, so two labs run side by side.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
const folder = mkdtempSync(path.join(tmpdir(), 'kdr-tests-'))
const required = process.env.KDR_TIERS === 'all'
const total = { passed: 0, failed: 0, skipped: 0 }
const problems = []

const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const kafkaReason = () => {
  if (!runs('java', '-version')) return 'Java 17 is not installed'
  return process.env.KAFKA_HOME || runs('mvn', '-version') ? null : 'neither Maven nor KAFKA_HOME is there'
}

const SIDE_BY_SIDE = ['--maxWorkers=2']
const REPEATED = ['simulated', 'real-system', 'real-kafka-3.5'].map((name) => `test/contract/${name}.test.ts`)

const TIERS = [
  { name: 'unit', reason: () => null },
  { name: 'simulated', reason: () => null },
  { name: 'contract', reason: kafkaReason },
  { name: 'real', reason: kafkaReason },
  { name: 'long', reason: kafkaReason, onDemand: true },
]

/** Said again at the end: a log's tail is what people get to see. */
const failures = []

const read = (file, label) => {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    for (const suite of report.testResults)
      for (const { status, fullName } of suite.assertionResults) if (status === 'failed') failures.push(`${label}: ${path.relative(root, suite.name)}: ${fullName}`)
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

const runTier = (label, node, args) => {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`\n== ${label} (Node ${version})`)
  const out = path.join(folder, `${label.replaceAll(' ', '-')}.json`)
  const { status } = spawnSync(node, [vitest, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile=${out}`], {
    stdio: 'inherit',
    cwd: root,
  })
  const counts = read(out, label)
  for (const key of Object.keys(total)) total[key] += counts[key]
  if (counts.passed + counts.failed === 0) problems.push(`${label} ran no test`)
  else if (status !== 0 && counts.failed === 0) problems.push(`${label} ended with ${status}`)
}

const unavailable = (label, why) => {
  console.log(`\n${label}: not run, ${why}`)
  if (required) problems.push(`${label} could not run: ${why}`)
}

/** Path of that Node's binary, from the npm package `node`. */
const otherNode = (major) => {
  const prefix = path.join(root, '.cache', `node-${major}`)
  const binary = path.join(prefix, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node@${major}`], { stdio: 'inherit' })
  return existsSync(binary) ? binary : null
}

const asked = process.argv.slice(2)
for (const { name, reason } of TIERS.filter((tier) => (asked.length > 0 ? asked.includes(tier.name) : !tier.onDemand))) {
  const why = reason()
  if (why === null) runTier(name, process.execPath, ['--project', name, ...SIDE_BY_SIDE])
  else unavailable(name, why)
}
for (const major of (process.env.KDR_NODES ?? '').split(/\s+/).filter(Boolean)) {
  const label = `contract on Node ${major}`
  const node = otherNode(major)
  const why = node === null ? `the npm package node@${major} could not be installed` : kafkaReason()
  if (why === null) runTier(label, node, ['--project', 'simulated', '--project', 'contract', ...SIDE_BY_SIDE, ...REPEATED])
  else unavailable(label, why)
}
rmSync(folder, { recursive: true, force: true })

for (const failure of failures) console.log(`failed: ${failure}`)
for (const problem of problems) console.error(`FAILED: ${problem}`)
console.log(`tests: ${total.passed} passed, ${total.failed + problems.length} failed, ${total.skipped} skipped`)
process.exit(total.failed + problems.length > 0 ? 1 : 0)
