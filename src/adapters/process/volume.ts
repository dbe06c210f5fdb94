// What a node's data directories say: who wrote them, whether they are blank or gone, and how full their
// file system is. Identity is read from what is on the disk; the configuration is only the fallback.
import { readdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { wordsOf } from '../../errors.ts'
import { type Settings, settingsOf } from '../../model/configured.ts'
import { type Known, known, unknown } from '../../model/known.ts'
import type { Volume } from '../../model/member.ts'
import { lastZxid, METADATA_LOG, zooKeeperContent, zooKeeperState } from '../../model/quorum-disk.ts'
import type { ProcessNode } from './state-file.ts'

/** `key=value` lines of a Java properties file, as far as Kafka and ZooKeeper write them. */
export const parseProperties = (text: string): ReadonlyMap<string, string> => {
  const pairs = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const [, key, value] = /^\s*([^#!\s=:][^\s=:]*)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []
    return key === undefined || value === undefined ? [] : [[key, value.replace(/\\([:=#!\\])/g, '$1')]]
  })
  return new Map(pairs)
}

const isMissing = (thrown: unknown): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
const isControllerOnly = (node: ProcessNode): boolean => node.roles.length === 1 && node.roles[0] === 'controller'
const isZooKeeper = (node: ProcessNode): boolean => node.roles.includes('zookeeper')

/** What a formatter leaves before it writes meta.properties, and what `mkfs` does: neither is data. */
export const NOT_DATA = ['bootstrap.checkpoint', 'meta.properties.tmp', 'lost+found', 'myid'] as const

type State = 'intact' | 'blank' | 'gone'

const contents = async (node: ProcessNode, path: string): Promise<Known<State>> => {
  let names: readonly string[]
  try {
    names = await readdir(path)
    if (isZooKeeper(node) && names.includes('version-2')) return await zooKeeperContents(node, path)
  } catch (thrown) {
    return isMissing(thrown) ? known('gone', `listing of ${path}`) : unknown(wordsOf(thrown), `listing of ${path}`)
  }
  const identity = isZooKeeper(node) ? 'version-2' : 'meta.properties'
  const formatted = names.includes(identity)
  if (formatted && isControllerOnly(node) && !names.includes(METADATA_LOG)) return known('blank', `listing of ${path}: formatted, without a log`)
  if (formatted) return known('intact', `listing of ${path}`)
  const data = names.filter((name) => !NOT_DATA.some((prefix) => name.startsWith(prefix)))
  if (data.length === 0) return known('blank', `listing of ${path}`)
  return unknown(`it holds ${data[0]} but no ${identity}`, `listing of ${path}`)
}

/** Logs and snapshots may be in folders of their own: what is in the one says what the other is worth. */
const zooKeeperContents = async (node: ProcessNode, path: string): Promise<Known<State>> => {
  const contentOf = async (folder: string) => zooKeeperContent(await readdir(join(folder, 'version-2')))
  const others = node.dataDirs.filter((folder) => folder !== path).map((folder) => contentOf(folder).catch(() => 'nothing' as const))
  return zooKeeperState(await contentOf(path), await Promise.all(others), `listing of ${join(path, 'version-2')}`)
}

/** Nothing where nothing says so. */
const reachOf = async (node: ProcessNode, path: string): Promise<Pick<Volume, 'zxid'>> => {
  const zxid = isZooKeeper(node) ? lastZxid(await readdir(join(path, 'version-2')).catch(() => [])) : null
  return zxid === null ? {} : { zxid }
}

const metaOf = async (path: string): Promise<ReadonlyMap<string, string>> => parseProperties(await readFile(join(path, 'meta.properties'), 'utf8'))

const clusterIdOf = async (node: ProcessNode, path: string, state: Known<State>): Promise<Known<string | null>> => {
  const by = join(path, 'meta.properties')
  if (isZooKeeper(node)) return known(null, 'a ZooKeeper disk names no cluster')
  if (!state.known) return unknown(state.why, by)
  try {
    // A disk that was only formatted holds no data, and says whose it is all the same.
    const id = (await metaOf(path)).get('cluster.id')
    return id === undefined ? unknown('it holds no cluster.id', by) : known(id, by)
  } catch (thrown) {
    if (state.value !== 'intact' && isMissing(thrown)) return known(null, state.by)
    return unknown(wordsOf(thrown), by)
  }
}

const space = async (path: string): Promise<{ usable: Known<number>; total: Known<number> }> => {
  try {
    const { bavail, blocks, bsize } = await statfs(path)
    return { usable: known(bavail * bsize, `statfs of ${path}`), total: known(blocks * bsize, `statfs of ${path}`) }
  } catch (thrown) {
    const missing = unknown<number>(wordsOf(thrown), `statfs of ${path}`)
    return { usable: missing, total: missing }
  }
}

export const volumesOf = (node: ProcessNode): Promise<readonly Volume[]> =>
  Promise.all(
    node.dataDirs.map(async (path, at) => {
      const [state, { usable, total }, reach] = await Promise.all([contents(node, path), space(path), reachOf(node, path)])
      const clusterId = await clusterIdOf(node, path, state)
      return { name: at === 0 ? 'data' : `data${at + 1}`, path, state, usableBytes: usable, totalBytes: total, clusterId, ...reach, backing: null }
    }),
  )

const number = (text: string | undefined, by: string): Known<number> =>
  text !== undefined && /^\d+$/.test(text.trim()) ? known(Number(text), by) : unknown('it holds no id', by)

const configured = async (node: ProcessNode): Promise<Known<number>> => {
  const by = `${node.file}, as the data directory is blank`
  const properties = parseProperties(await readFile(node.file, 'utf8'))
  return number(properties.get('node.id') ?? properties.get('broker.id'), by)
}

/** What its own properties file sets of what judgement asks for. */
export const configuredOf = async (node: ProcessNode): Promise<Known<Settings>> => {
  try {
    const properties = parseProperties(await readFile(node.file, 'utf8'))
    return known(
      settingsOf(node.roles, (key) => properties.get(key)),
      node.file,
    )
  } catch (thrown) {
    return unknown(wordsOf(thrown), node.file)
  }
}

/** node.id or broker.id of `meta.properties`, myid of a ZooKeeper; of the properties file only where every directory is blank or gone. */
export const idOf = async (node: ProcessNode, volumes: readonly Volume[]): Promise<Known<number>> => {
  if (node.roles.includes('schema-registry')) return unknown('a Schema Registry has no id', node.file)
  try {
    if (isZooKeeper(node)) {
      const myid = join(node.dataDirs[0] ?? node.home, 'myid')
      return number(await readFile(myid, 'utf8'), myid)
    }
    const odd = volumes.find((volume) => !volume.state.known)
    if (odd !== undefined) return unknown(`${odd.path} cannot be told: ${odd.state.known ? '' : odd.state.why}`, odd.path)
    const intact = volumes.find((volume) => volume.state.known && volume.state.value === 'intact')
    if (intact === undefined) return await configured(node)
    const meta = await metaOf(intact.path)
    return number(meta.get('node.id') ?? meta.get('broker.id'), join(intact.path, 'meta.properties'))
  } catch (thrown) {
    return unknown(wordsOf(thrown), node.home)
  }
}
