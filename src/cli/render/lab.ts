// A lab, as a table or as docs/json.md has it.
import type { Terminal } from '../terminal.ts'
import { table } from './text.ts'

interface LabView {
  readonly name: string
  readonly platform: string
  readonly kafka: string
  readonly complete: boolean
  readonly bootstrap: string
  readonly members: readonly {
    readonly name: string
    readonly role: string
    readonly id: number | null
    readonly pid: number | null
    readonly state: string
    readonly address: string
  }[]
}

export const printLab = (terminal: Terminal, lab: LabView): void => {
  if (terminal.format === 'json') {
    terminal.json(lab)
    return
  }
  terminal.out(
    `${lab.name}: Kafka ${lab.kafka} ${lab.platform === 'docker' ? 'in Docker' : 'as processes'}${lab.complete ? '' : ', INCOMPLETE: it is being brought up, or that was interrupted'}`,
  )
  const rows = lab.members.map((member) => [member.name, member.role, `${member.id ?? '?'}`, `${member.pid ?? '-'}`, member.state, member.address])
  for (const line of table([['MEMBER', 'ROLE', 'ID', 'PID', 'STATE', 'ADDRESS'], ...rows])) terminal.out(line)
  terminal.out(`Bootstrap: ${lab.bootstrap}`)
}
