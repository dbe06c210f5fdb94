// Puts a copy of a ZooKeeper's files on the claims of one that has no pod, in a pod of kdr's own that mounts them as the
// member itself would: whole under its name or not there at all, and what was there is kept beside it.
import { createHash } from 'node:crypto'
import type { V1PersistentVolumeClaim } from '@kubernetes/client-node'
import { KdrError } from '../../errors.ts'
import type { CopiedFile } from '../../ports/files.ts'
import type { KubeClient } from './client.ts'
import { type Disk, diskCommand, parseDisks } from './disk.ts'
import { envOf } from './roles.ts'
import { claimName, type Entry } from './roster.ts'
import { type Claimed, claimedOf, type Run, textOf, visit } from './visit.ts'

/** Where the images of Confluent, ZooKeeper and Bitnami keep snapshots, and the first two their logs. */
const USUAL = { data: ['/var/lib/zookeeper/data', '/data', '/bitnami/zookeeper/data'], log: ['/var/lib/zookeeper/log', '/datalog'] }

const unreachable = (words: string): KdrError =>
  new KdrError(words, { code: 'data-unreachable', hint: 'put the copy on its claim by a pod of your own (version-2, beside myid), and run this again' })

const isIn = (path: string, { path: mount }: Claimed): boolean => path === mount || path.startsWith(`${mount}/`)

/** Snapshots and transaction logs, often in one folder: those first that are written first. Throws `data-unreachable`. */
const foldersOf = ({ name, container }: Entry, claims: readonly Claimed[]): { readonly log: string; readonly data: string } => {
  const kept = (path: string) => claims.some((mount) => isIn(path, mount))
  const data = envOf(container, 'ZOO_DATA_DIR', 'ZOOKEEPER_DATA_DIR') ?? USUAL.data.find(kept) ?? claims[0]?.path ?? ''
  const log = envOf(container, 'ZOO_DATA_LOG_DIR', 'ZOOKEEPER_DATA_LOG_DIR') ?? USUAL.log.find(kept) ?? data
  if (kept(data) && kept(log)) return { log, data }
  throw unreachable(`which claim of ${name} is its ${kept(data) ? log : data} was not seen`)
}

/** As its set would make them; one that is there is left as it is. */
const makeClaims = async (client: KubeClient, { name, set }: Entry, claims: readonly Claimed[], signal: AbortSignal): Promise<void> => {
  const { core, namespace } = client
  const ordinal = Number(name.slice(name.lastIndexOf('-') + 1))
  for (const { metadata, spec } of set?.spec?.volumeClaimTemplates ?? []) {
    const claim = claimName(metadata?.name ?? '', set?.metadata?.name ?? '', ordinal)
    if (!claims.some((each) => each.claim === claim)) continue
    const labels = { ...metadata?.labels, ...set?.spec?.selector.matchLabels }
    const annotations = metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }
    const body: V1PersistentVolumeClaim = { metadata: { name: claim, labels, ...annotations }, ...(spec === undefined ? {} : { spec }) }
    const ask = { verb: 'create', resource: 'persistentvolumeclaims', name: claim }
    await client
      .call(signal, ask, (options) => core.createNamespacedPersistentVolumeClaim({ namespace, body, fieldManager: 'kdr' }, options))
      .catch((thrown: unknown) => {
        if (!(thrown instanceof KdrError && thrown.code === 'conflict')) throw thrown
      })
  }
}

const NEW = 'version-2.kdr-new'
const BEGIN = `umask 027; for d in "$@"; do mkdir -p "$d" && rm -rf "$d/${NEW}" && mkdir "$d/${NEW}" || exit 1; done`
/** The number of bytes ends it: a closed input would end the connection before the answer. */
const WRITE = 'umask 027; head -c "$2" | dd of="$1" bs=65536 conv=fsync 2> /dev/null && sha256sum < "$1"'
/** Small images have no sync: what was renamed is then as durable as unmounting makes it. */
const END = `
for d in "$@"; do
  n=1; while [ -e "$d/version-2.kept-$n" ]; do n=$((n + 1)); done
  if [ -e "$d/version-2" ]; then mv "$d/version-2" "$d/version-2.kept-$n" || exit 1; echo "$d/version-2.kept-$n"; fi
  mv "$d/${NEW}" "$d/version-2" || exit 1
done
if command -v sync > /dev/null; then sync; fi
`

const must = async (run: Run, script: string, args: readonly string[], input?: Buffer): Promise<string> => {
  const { code, stdout, stderr } = await run(['sh', '-c', script, 'kdr', ...args], input)
  if (code !== 0) throw unreachable(`the copy was not put there: ${stderr.trim() || `exit ${code}`}`)
  return stdout.toString('utf8').trim()
}

const write = async (run: Run, path: string, content: Buffer): Promise<void> => {
  const said = await must(run, WRITE, [path, String(content.length)], content)
  const expected = createHash('sha256').update(content).digest('hex')
  if (!said.startsWith(expected)) throw unreachable(`${path} is not what was sent: ${said || 'no checksum'}`)
}

interface Placed {
  /** Where what was there is kept; null: nothing was. */
  readonly kept: string | null
  readonly disks: readonly Disk[]
}

/** Throws `data-unreachable`, `disk-unreachable`, and what `visit` throws. */
export const placeOnClaims = async (client: KubeClient, entry: Entry, files: readonly CopiedFile[], signal: AbortSignal): Promise<Placed> => {
  const claims = claimedOf(entry)
  const { log, data } = foldersOf(entry, claims)
  await makeClaims(client, entry, claims, signal)
  const names = [...new Set(claims.map(({ claim }) => claim))]
  const what = {
    purpose: 'place-copy' as const,
    mounts: claims.map(({ claim, path, subPath }) => ({ name: `v${names.indexOf(claim)}`, mountPath: path, ...(subPath === '' ? {} : { subPath }) })),
    volumes: names.map((claim, at) => ({ name: `v${at}`, persistentVolumeClaim: { claimName: claim } })),
  }
  const folders = [...new Set([log, data])]
  const place = async (run: Run): Promise<Placed> => {
    await must(run, BEGIN, folders)
    for (const { name, content } of files) await write(run, `${name.startsWith('log.') ? log : data}/${NEW}/${name}`, content)
    const kept = await must(run, END, folders)
    return { kept: kept === '' ? null : kept.split('\n').join(', '), disks: parseDisks(textOf(await run(diskCommand(claims.map(({ path }) => path))))) }
  }
  return visit(client, entry, what, place, signal)
}
