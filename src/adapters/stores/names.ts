// Names of objects, the same for every store: what cannot lead out of a folder cannot surprise in a bucket
// either. A name with a dot before it is the store's own: locks, and what is not whole yet.
import { KdrError } from '../../errors.ts'

/** Also what the longest file name leaves for the endings of temporary files. */
const LONGEST = 220

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFIT = /[\u0000-\u001f\u007f\\]/

const isPart = (part: string): boolean => part !== '' && !part.startsWith('.') && part.length <= LONGEST && !UNFIT.test(part)

/** Whether the store lists it. */
export const isObjectName = (name: string): boolean => name.split('/').every(isPart)

/** Throws `bad-object-name` (exit 2). */
export const checkedName = (name: string): string => {
  if (isObjectName(name)) return name
  throw new KdrError(`${JSON.stringify(name)} cannot be the name of an object in a backup store`, {
    code: 'bad-object-name',
    exit: 'usage',
    hint: 'use the name as kdr backup list shows it',
  })
}
