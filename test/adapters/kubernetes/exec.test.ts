// What the kubelet's last word says of a command.
import { describe, expect, it } from 'vitest'
import { exitCodeOf } from '../../../src/adapters/kubernetes/exec.ts'

const failure = (reason: string, causes: readonly object[], message = 'it failed') =>
  JSON.stringify({ kind: 'Status', status: 'Failure', reason, message, details: { causes } })

describe('the status of a command', () => {
  it('is an exit code only where the kubelet names one', () => {
    expect(exitCodeOf('kafka-0', '{"status":"Success"}')).toBe(0)
    expect(exitCodeOf('kafka-0', failure('NonZeroExitCode', [{ reason: 'ExitCode', message: '137' }]))).toBe(137)
  })

  it.each([
    ['a reason of its own', failure('InternalError', [{ message: '7' }], 'no such container')],
    ['no number', failure('NonZeroExitCode', [{ reason: 'ExitCode', message: 'seven' }])],
    ['no cause', failure('NonZeroExitCode', [])],
    ['no status', '{}'],
    ['no object', 'null'],
    ['no JSON', 'upstream connect error'],
  ])('is a failure to run it with %s', (_, text) => {
    expect(() => exitCodeOf('kafka-0', text)).toThrow(expect.objectContaining({ code: 'exec-failed', message: expect.stringContaining('kafka-0') }))
  })
})
