// What is on a running member's disks, read from inside it by a shell script: identity, emptiness and room.
import { lastZxid, METADATA_LOG, type ZooKeeperContent, zooKeeperContent } from '../../model/quorum-disk.ts'
import type { ExecResult } from '../../ports/platform.ts'

export interface Disk {
  readonly path: string
  readonly totalBytes: number | null
  readonly usableBytes: number | null
  /** False when the mount itself could not be listed: then it is not empty either. */
  readonly readable: boolean
  /** Of meta.properties, in the mount itself or one folder below. */
  readonly meta: ReadonlyMap<string, string> | null
  /** What is in ZooKeeper's version-2; null: there is none. */
  readonly zooKeeper: ZooKeeperContent | null
  /** It reaches at least this transaction; null where no name says one. */
  readonly zxid: bigint | null
  /** A controller's metadata log is there. */
  readonly metadataLog: boolean
  readonly myid: number | null
  /** What else is there, by name; at most some. */
  readonly entries: readonly string[]
}

/**
 * For a plain POSIX shell with df and ls, as every image has it. Lines: @path, !unreadable, #df, +property, v and v<file of version-2>, c, m<myid>, -entry. Where a
 * log directory has its identity in the mount itself, its thousands of partitions are not listed.
 */
const SCRIPT = `
identity() {
  [ -d "$1/version-2" ] && { echo v; ls "$1/version-2" | grep -E '^(snapshot|log)[.]' | head -n 2000 | while read -r f; do echo "v$f"; done; }
  [ -d "$1/${METADATA_LOG}" ] && echo c
  [ -f "$1/myid" ] && { read -r id < "$1/myid"; echo "m$id"; }
  [ -f "$1/meta.properties" ] && while read -r line || [ -n "$line" ]; do echo "+$line"; done < "$1/meta.properties"
}
for d in "$@"; do
  echo "@$d"
  ls -A "$d" > /dev/null 2>&1 || { echo '!'; continue; }
  df -Pk "$d" 2>/dev/null | tail -n 1 | while read -r line; do echo "#$line"; done
  identity "$d"
  [ -f "$d/meta.properties" ] && continue
  for e in "$d"/* "$d"/.[!.]*; do
    [ -e "$e" ] || continue
    [ -d "$e" ] && identity "$e"
    [ -d "$e" ] && [ -z "$(ls -A "$e" 2>/dev/null)" ] && continue
    echo "-\${e##*/}"
  done | head -n 100
done
`

export const diskCommand = (paths: readonly string[]): readonly string[] => ['sh', '-c', SCRIPT, 'kdr', ...paths]

/** `/root//folder`: the folder, or, where there is none yet, the root it would be in. */
const OR_ROOT = `
n=$#
while [ "$n" -gt 0 ]; do
  d=$1; shift
  [ -d "$d" ] || d=\${d%%//*}
  set -- "$@" "$d"
  n=$((n - 1))
done
`

/** The same of volumes that are mounted whole: each as the volume's root, two slashes, and the folder in it that is wanted. */
export const unmountedCommand = (paths: readonly string[]): readonly string[] => ['sh', '-c', `${OR_ROOT}${SCRIPT}`, 'kdr', ...paths]

const roomOf = (line: string | undefined): Pick<Disk, 'totalBytes' | 'usableBytes'> => {
  // Filesystem 1024-blocks Used Available Capacity Mounted-on; a name with blanks is told by the percent sign.
  const [, total, , usable] = /\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s/.exec(line ?? '') ?? []
  return { totalBytes: total === undefined ? null : Number(total) * 1024, usableBytes: usable === undefined ? null : Number(usable) * 1024 }
}

const propertyOf = (line: string): readonly [string, string][] => {
  const [, key, value] = /^\s*([^#!\s=:][^\s=:]*)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []
  return key === undefined || value === undefined ? [] : [[key, value.replace(/\\([:=#!\\])/g, '$1')]]
}

const diskOf = (path: string, lines: readonly string[]): Disk => {
  const of = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1))
  const meta = of('+').flatMap(propertyOf)
  const [myid] = of('m').filter((text) => /^\d+$/.test(text))
  return {
    path,
    ...roomOf(of('#')[0]),
    readable: !lines.includes('!'),
    meta: meta.length === 0 ? null : new Map(meta),
    zooKeeper: lines.includes('v') ? zooKeeperContent(of('v')) : null,
    zxid: lastZxid(of('v')),
    metadataLog: lines.includes('c'),
    myid: myid === undefined ? null : Number(myid),
    entries: of('-'),
  }
}

/** What the script printed, by mount path. */
export const parseDisks = ({ stdout }: Pick<ExecResult, 'stdout'>): readonly Disk[] =>
  stdout
    .split(/^@/m)
    .slice(1)
    .map((part) => {
      const [path = '', ...lines] = part.split(/\r?\n/)
      return diskOf(path, lines)
    })
