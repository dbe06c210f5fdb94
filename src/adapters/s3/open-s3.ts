// An S3 bucket, or a prefix of it, as a backup store. Credentials come from the usual chain only: environment,
// profile, web identity, container and instance roles.
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { KdrError } from '../../errors.ts'
import type { BackupStore, StoredObject } from '../../ports/backup-store.ts'
import type { Instant } from '../../units.ts'
import { checkedName } from '../stores/names.ts'
import { Bucket, type S3Options } from './bucket.ts'
import { readRange, streamRange } from './download.ts'
import { clearUploads, removeOne } from './housekeeping.ts'
import { locksOf } from './lock.ts'
import { PART_LIMIT } from './parts.ts'
import { upload } from './upload.ts'

/** Unknown is never old: what is old may be cleared away. */
const modifiedOf = (at: Date | undefined): Instant => at?.getTime() ?? Date.now()

async function* list(bucket: Bucket, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
  const inside = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (inside !== '') checkedName(inside.slice(0, -1))
  let from: string | undefined
  do {
    const what = { Bucket: bucket.options.bucket, Prefix: bucket.under(prefix), Delimiter: '/', ...(from === undefined ? {} : { ContinuationToken: from }) }
    const page: ListObjectsV2CommandOutput = await bucket.run('list', signal, ({ sdk, client }) =>
      client.send(new sdk.ListObjectsV2Command(what), { abortSignal: signal }),
    )
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const name = bucket.nameOf(Key)
      if (name !== null) yield { name, bytes: Size, modified: modifiedOf(LastModified) }
    }
    from = page.IsTruncated === true ? page.NextContinuationToken : undefined
    // Half a listing would make backups of what lies in it unfinished ones.
    if (page.IsTruncated === true && from === undefined)
      throw new KdrError(`${bucket.place.server} breaks off the list of ${bucket.where}, and does not say how it goes on`, { code: 'store-failed' })
  } while (from !== undefined)
}

/** Nothing is asked of the bucket, and no SDK loaded, until something is asked of the store. */
export const openS3 = (options: S3Options): BackupStore => {
  const bucket = new Bucket(options)
  const locks = locksOf(bucket)
  return {
    where: bucket.where,
    partLimit: PART_LIMIT,
    list: ({ prefix = '' }, signal) => list(bucket, prefix, signal),
    head: async (name, signal) => {
      const head = await bucket.head(bucket.key(name), `look for ${name}`, signal)
      return head === null ? null : { name, bytes: head.ContentLength ?? 0, modified: modifiedOf(head.LastModified) }
    },
    read: async (name, range, signal, into) => readRange(bucket, name, range, into, signal),
    stream: (name, range, signal) => streamRange(bucket, name, range, signal),
    close: () => bucket.close(),
    put: async (name, source, signal) => upload(bucket, name, source, locks.check, signal),
    remove: async (names, signal) => {
      for (const name of names) {
        locks.check()
        await removeOne(bucket, name, signal)
      }
    },
    clear: (what, signal) => clearUploads(bucket, what, signal),
    lock: (key, holder, signal) => locks.take(key, holder, signal),
  }
}
