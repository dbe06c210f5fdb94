// A vitest reporter that names, in the file KDR_SECOND_TRIES, each test that passed only at its second try: such
// a test says something about the system or about itself, and is not to be lost among those that just passed.
import { appendFileSync } from 'node:fs'

export default class {
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky) appendFileSync(process.env.KDR_SECOND_TRIES, `${test.module.relativeModuleId}: ${test.fullName}\n`)
  }
}
