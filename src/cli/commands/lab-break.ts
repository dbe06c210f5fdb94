// kdr lab break <fault>: breaks a lab on purpose; nothing but a lab can be broken.

import { didYouMean } from '../../config/suggest.ts'
import { type Exit, KdrError } from '../../errors.ts'
import { FAULTS } from '../../ports/faults.ts'
import { labsHome } from '../clusters.ts'
import { openLabs } from '../compose.ts'
import { type Invocation, optionText } from '../invocation.ts'

export const run = async (invocation: Invocation): Promise<Exit> => {
  const { terminal, interruption, args, env } = invocation
  const name = optionText(invocation, 'name') ?? 'lab'
  const fault = FAULTS.find((known) => known === args[0])
  if (fault === undefined)
    throw new KdrError(`there is no fault ${args[0]}${didYouMean(args[0] ?? '', FAULTS)}`, {
      code: 'fault-not-found',
      exit: 'usage',
      hint: `faults: ${FAULTS.join(', ')}`,
    })
  const { findLab, openFaults } = await openLabs()
  const lab = findLab(name, labsHome(env))
  if (lab === null) throw new KdrError(`there is no lab named ${name}`, { code: 'lab-not-found', exit: 'usage', hint: `kdr lab up --name ${name}` })
  const { broker } = invocation.options
  const members = await openFaults(lab.stateFile).inject(fault, typeof broker === 'number' ? { broker } : {}, interruption.signal)
  if (terminal.format === 'json') terminal.json({ schema: 'kdr/lab-break/1', name, fault, members })
  else terminal.out(`${fault}: ${members.join(', ')}`)
  return 'ok'
}
