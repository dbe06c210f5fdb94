// kdr lab down: processes, folder and ports of a lab, all gone.
import type { Exit } from '../../errors.ts'
import { labsHome } from '../clusters.ts'
import { openLabs } from '../compose.ts'
import { type Invocation, optionText } from '../invocation.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, env } = invocation
  const name = optionText(invocation, 'name') ?? 'lab'
  const { labDown } = await openLabs()
  await labDown(name, labsHome(env))
  if (terminal.format === 'json') terminal.json({ schema: 'kdr/lab-down/1', name })
  else terminal.out(`${name} is gone`)
  return 'ok'
}
