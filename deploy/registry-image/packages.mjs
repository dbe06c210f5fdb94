// Prints the folder and the name of every npm package that the lab's Schema Registry needs, its own dependencies
// included: run by rootfs, with kdr's folder as the argument.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const found = new Map()

/** Its folder, wherever the package manager put it; null where it is left out, as other platforms' binaries are. */
const folderOf = (name, from) =>
  createRequire(path.join(from, 'package.json'))
    .resolve.paths(name)
    .map((folder) => path.join(folder, name))
    .find((folder) => existsSync(path.join(folder, 'package.json'))) ?? null

const add = (name, from, needed) => {
  if (found.has(name)) return
  const folder = folderOf(name, from)
  if (folder === null && needed) throw new Error(`there is no package ${name} for ${from}`)
  if (folder === null) return
  found.set(name, folder)
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  for (const each of Object.keys(dependencies)) add(each, folder, !(each in optionalDependencies))
  for (const each of Object.keys(optionalDependencies)) add(each, folder, false)
}

const root = path.resolve(process.argv[2] ?? '')
for (const name of ['kafkajs', 'avsc', 'snappy', 'lz4-napi', 'fzstd']) add(name, root, true)
for (const [name, folder] of found) process.stdout.write(`${folder} ${name}\n`)
