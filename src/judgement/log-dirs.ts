// Log directories that a broker lives on without: its replicas in there come back only after a repair and a restart.
import { brokerOf, type Survey } from '../model/survey.ts'

/** Its failed directories in words; null while none is seen. A live broker never takes one up again by itself (KIP-112). */
export const failedDirs = (now: Survey, id: number): string | null => {
  const dirs = brokerOf(now, id)?.logDirs
  const failed = dirs?.known === true ? dirs.value.filter(({ error }) => error !== null) : []
  return failed.length === 0 ? null : failed.map(({ path, error }) => `${path} (${error})`).join(', ')
}

/** Why waiting for these brokers' replicas cannot help. */
export const failedDirsWords = (now: Survey, ids: readonly number[]): string => {
  const words = ids.flatMap((id) => {
    const dirs = failedDirs(now, id)
    return dirs === null ? [] : [`broker ${id} lost its log directory ${dirs}`]
  })
  return `${words.join('; ')}: repair or replace the disk and restart the broker, then resume`
}
