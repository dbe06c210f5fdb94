// `npm test`: runs every tier this machine can run, says which it could not and why, and ends with one line
// of totals. With KDR_TIERS=all (CI) a tier that cannot run, or ran nothing, is a failure.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const runs = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const kafkaReason = () => {
  if (!runs('java', '-version')) return 'Java 17 is not installed'
  return process.env.KAFKA_HOME || runs('mvn', '-version') ? null : 'neither Maven nor KAFKA_HOME is there'
}

const TIERS = [
  { name: 'unit', reason: () => null },
  { name: 'simulated', reason: () => null },
  { name: 'contract', reason: kafkaReason },
  { name: 'real', reason: kafkaReason },
  { name: 'long', reason: kafkaReason, onDemand: true },
]

const asked = process.argv.slice(2)
const wanted = TIERS.filter((tier) => (asked.length > 0 ? asked.includes(tier.name) : !tier.onDemand))
const required = process.env.KDR_TIERS === 'all'
const folder = mkdtempSync(path.join(tmpdir(), 'kdr-tests-'))
const vitest = path.join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
const total = { passed: 0, failed: 0, skipped: 0 }
const problems = []

for (const { name, reason } of wanted) {
  const why = reason()
  if (why !== null) {
    console.log(`\n${name}: not run, ${why}`)
    if (required) problems.push(`${name} could not run: ${why}`)
    continue
  }
  console.log(`\n== ${name} (Node ${process.version})`)
  const out = path.join(folder, `${name}.json`)
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', name, '--reporter=default', '--reporter=json', `--outputFile=${out}`], { stdio: 'inherit' })
  const counts = read(out)
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
  if (counts.passed + counts.failed === 0) problems.push(`${name} ran no test`)
  else if (status !== 0 && counts.failed === 0) problems.push(`${name} ended with ${status}`)
}
rmSync(folder, { recursive: true, force: true })

for (const problem of problems) console.error(`FAILED: ${problem}`)
console.log(`tests: ${total.passed} passed, ${total.failed + problems.length} failed, ${total.skipped} skipped`)
process.exit(total.failed + problems.length > 0 ? 1 : 0)

function read(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}
