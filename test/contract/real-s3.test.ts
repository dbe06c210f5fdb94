// The contract of backup stores on a real S3 server, in prefixes of one bucket.
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from 'vitest'
import { openS3 } from '../../src/adapters/s3/open-s3.ts'
import type { BackupStore } from '../../src/ports/backup-store.ts'
import { type S3Server, startS3 } from '../lab/s3.ts'
import { backupStoreContract } from './backup-store.contract.ts'

let server: S3Server
const opened: BackupStore[] = []
beforeAll(async () => {
  server = await startS3()
  await server.bucket('backups')
})
afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await server?.stop()
})

const open = (bucket: string, prefix: string): BackupStore => {
  const store = openS3({ bucket, prefix, endpoint: server.endpoint })
  opened.push(store)
  return store
}

let count = 0
backupStoreContract('s3', async () => {
  count += 1
  const prefix = `kafka/full-backups-${count}`
  return {
    store: open('backups', prefix),
    again: () => open('backups', `/${prefix}/`),
    missing: open('nobody-made-this', prefix),
    leave: async (name) => {
      const what = { Bucket: 'backups', Key: `${prefix}/${name}` }
      const { UploadId } = await server.client.send(new CreateMultipartUploadCommand(what))
      await server.client.send(new UploadPartCommand({ ...what, UploadId, PartNumber: 1, Body: 'half' }))
    },
  }
})
