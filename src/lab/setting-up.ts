// What a lab is given when it is brought up, on every platform: the kdr that does so, and a cluster id.
import { randomBytes } from 'node:crypto'
import { processTable } from '../adapters/process/process-table.ts'
import { KdrError } from '../errors.ts'

/** The kdr that brings a lab up. A process id alone is soon somebody else's. */
export interface SettingUp {
  readonly pid: number
  readonly start: string
}

export const thisProcess = async (): Promise<SettingUp> => {
  const row = (await processTable()).find((each) => each.pid === process.pid)
  return { pid: process.pid, start: row?.start ?? '' }
}

export const isAlive = async ({ pid, start }: SettingUp): Promise<boolean> => (await processTable()).some((row) => row.pid === pid && row.start === start)

export const busy = (name: string, by: SettingUp | null, cause?: unknown): KdrError =>
  new KdrError(`lab ${name} is being brought up by another kdr${by === null ? '' : ` (process ${by.pid})`}`, { code: 'lab-busy', exit: 'locked', cause })

export const exists = (name: string, has: string, wanted: string): KdrError =>
  new KdrError(`lab ${name} exists and runs ${has}, not ${wanted}`, {
    code: 'lab-exists',
    exit: 'usage',
    hint: `Choose another name, or remove it first: kdr lab down --name ${name}`,
  })

/** 22 characters of base64url, as Kafka's Uuid. */
export const newClusterId = (): string => {
  const text = randomBytes(16).toString('base64url')
  // A leading dash would be taken for an option.
  return text.startsWith('-') ? `A${text.slice(1)}` : text
}
