// The script that runs a node: kdr starts it and a person may. It formats a blank KRaft broker, begins a
// new log, and outlives the process by the moment it takes to write down how that ended.
import { renameSync, writeFileSync } from 'node:fs'
import { KEPT_LOGS, LOG } from './logs.ts'
import { startScript } from './process-table.ts'
import type { ProcessNode } from './state-file.ts'
import { NOT_DATA } from './volume.ts'

/** One word of a shell command, quoted only where it has to be. */
export const quote = (word: string): string => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const rotation = (): readonly string[] => {
  const name = (at: number) => (at === 0 ? LOG : `out.${at}.log`)
  return Array.from({ length: KEPT_LOGS }, (_, at) => KEPT_LOGS - 1 - at).map((at) => `[ -f ${name(at)} ] && mv -f ${name(at)} ${name(at + 1)}`)
}

/** Blank as `volume.ts` means it: an interrupted formatter's leavings are no data. */
const formatting = (node: ProcessNode): readonly string[] => {
  if (node.format === null) return []
  const ignored = NOT_DATA.map((name) => `-e ${quote(`^${name.replace('.', '[.]')}`)}`).join(' ')
  const dirs = node.dataDirs.map(quote).join(' ')
  return [
    `mkdir -p ${dirs}`,
    `if [ -z "$(ls -A ${node.dataDirs.length === 1 ? dirs : `${dirs} | grep -v -e ':$' -e '^$'`} | grep -v ${ignored})" ]; then`,
    `  ${node.format.map(quote).join(' ')} >> ${LOG} 2>&1 || { echo $? > exit; exit 1; }`,
    'fi',
  ]
}

const startScriptText = (node: ProcessNode): string =>
  [
    '#!/bin/sh',
    `# Runs ${node.name} until it ends. Written by kdr; in the background: nohup sh ${quote(startScript(node))} > /dev/null 2>&1 &`,
    `cd ${quote(node.home)} || exit 1`,
    'rm -f exit.1',
    '[ -f exit ] && mv -f exit exit.1',
    ...rotation(),
    `: > ${LOG}`,
    ...formatting(node),
    `${node.argv.map(quote).join(' ')} >> ${LOG} 2>&1`,
    'echo $? > exit',
    '',
  ].join('\n')

/** In one step: a shell reads its script as it goes, so a running one must keep its old file. */
export const writeStartScript = (node: ProcessNode): void => {
  const temporary = `${startScript(node)}.${process.pid}`
  writeFileSync(temporary, startScriptText(node), { mode: 0o755 })
  renameSync(temporary, startScript(node))
}
