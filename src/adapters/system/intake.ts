// How a plain socket reads straight to where the bytes belong.
import type { OnReadOpts } from 'node:net'
import type { Intake } from '../../ports/platform.ts'

/** For `connect`. */
export const readingTo = (intake: Intake | undefined): { readonly onread?: OnReadOpts } => {
  if (intake === undefined) return {}
  const callback = (bytes: number): boolean => {
    intake.filled(bytes)
    return true
  }
  return { onread: { buffer: () => intake.buffer(), callback } }
}
