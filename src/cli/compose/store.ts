// The store that a command was pointed at, opened: a folder, or a bucket. Like compose.ts it may import adapters, and does when they are needed.
import type { S3Options } from '../../adapters/s3/bucket.ts'
import type { BackupSettings } from '../../config/backup.ts'
import { KdrError } from '../../errors.ts'
import type { BackupStore } from '../../ports/backup-store.ts'
import type { ChosenStore } from '../backups.ts'

const S3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/

const badAddress = (where: string): KdrError =>
  new KdrError(`${where} names no bucket`, { code: 'usage', exit: 'usage', hint: 'write s3://bucket or s3://bucket/prefix' })

/** What nobody configured is left to the SDK and the server. */
const s3Options = ({ endpoint, region, pathStyle, storageClass, sse, objectLock }: BackupSettings['s3']): Omit<S3Options, 'bucket' | 'prefix'> => ({
  ...(endpoint === null ? {} : { endpoint }),
  ...(region === null ? {} : { region }),
  ...(pathStyle === null ? {} : { pathStyle }),
  ...(storageClass === null ? {} : { storageClass }),
  ...(sse === null ? {} : { sse: { kind: sse.kind, ...(sse.keyId === null ? {} : { keyId: sse.keyId }) } }),
  ...(objectLock === null ? {} : { objectLock }),
})

/** `create`: a folder that is not there yet is made; a bucket never is. */
export const openStore = async ({ where, settings }: ChosenStore, { create }: { readonly create: boolean }): Promise<BackupStore> => {
  if (!where.startsWith('s3:')) return (await import('../../adapters/directory/open-directory.ts')).openDirectory({ path: where, create })
  const [, bucket, prefix = ''] = S3.exec(where) ?? []
  if (bucket === undefined) throw badAddress(where)
  return (await import('../../adapters/s3/open-s3.ts')).openS3({ bucket, ...(prefix === '' ? {} : { prefix }), ...s3Options(settings.s3) })
}
