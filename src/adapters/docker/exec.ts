// Runs a command inside a container, without standard input, and sees how it ended.
import { KdrError } from '../../errors.ts'
import type { ExecResult } from '../../ports/platform.ts'
import type { Container } from './containers.ts'
import type { Engine } from './engine.ts'
import { collect, unframe } from './frames.ts'

/** Beyond this output is dropped: nobody reads more. */
const OUTPUT_LIMIT = 16 << 20

/**
 * The exit code is the engine's own, asked for after the output has ended. Throws `outcome-unknown` (exit unknown) when
 * the command was started and its end was not seen; before that what `Engine.call` throws.
 */
export const runInside = async (engine: Engine, container: Container, argv: readonly string[], signal: AbortSignal): Promise<ExecResult> => {
  const what = `run ${argv[0] ?? 'nothing'} in ${container.name}`
  const exec = await engine.call(what, signal, (abortSignal) =>
    engine.docker.getContainer(container.id).exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true, abortSignal }),
  )
  try {
    const stream = await engine.call(what, signal, (abortSignal) => exec.start({ hijack: false, stdin: false, abortSignal }))
    const output = await engine.call(what, signal, () => collect(stream, OUTPUT_LIMIT))
    const end = await engine.call(what, signal, (abortSignal) => exec.inspect({ abortSignal }))
    if (end.Running || end.ExitCode === null) throw new Error('its output ended before it did')
    const { stdout, stderr } = unframe(output)
    return { code: end.ExitCode, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') }
  } catch (cause) {
    signal.throwIfAborted()
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new KdrError(`whether ${argv[0] ?? 'it'} ended in ${container.name} was not seen: ${words}`, {
      code: 'outcome-unknown',
      exit: 'unknown',
      hint: `look at it: docker top ${container.name}`,
      cause,
    })
  }
}
