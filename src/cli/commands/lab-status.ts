// kdr lab status: what runs, by the process table and not by what was once written down.
import type { Exit } from '../../errors.ts'
import { labsHome } from '../clusters.ts'
import { openLabs } from '../compose.ts'
import { type Invocation, optionText } from '../invocation.ts'
import { printLab } from '../render/lab.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { labStatus } = await openLabs()
  printLab(invocation.terminal, await labStatus(optionText(invocation, 'name') ?? 'lab', labsHome(invocation.env)))
  return 'ok'
}
