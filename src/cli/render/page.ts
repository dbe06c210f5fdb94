// A scenario as the page it is: markdown from the very list that runs, with the commands of one cluster
// filled in where there is one, or as a checklist to print.
import type { Gate } from '../../engine/events.ts'
import { type Effect, type ForEach, type Part, type Preview, type Scenario, type Step, Undecided } from '../../engine/step.ts'
import type { Survey } from '../../model/survey.ts'
import { formatDuration } from '../../units.ts'

export interface PageView<O> {
  readonly scenario: Scenario<O>
  /** The scenario's list, as it was rehearsed. */
  readonly parts: readonly Part[]
  /** What a repetition is shown for; null: nothing was seen. */
  readonly survey: Survey | null
  /** What the page was filled in with; null for a printed one. */
  readonly cluster: { readonly name: string; readonly platform: string; readonly id: string | null; readonly example: string } | null
  readonly previews: ReadonlyMap<string, Preview>
  readonly gates: ReadonlyMap<string, Gate>
  /** `- [ ]` and room for times. */
  readonly checklist: boolean
  readonly notes: string | null
}

const ASKED: Readonly<Record<Effect, string>> = {
  read: 'looks only',
  notify: 'tells somebody',
  probe: "touches only kdr's own topics",
  restart: 'asks y/N',
  change: 'asks y/N',
  stop: "asks to type the target's name",
  delete: "asks to type the target's name",
  'lose-data': 'states the loss and asks to type its figure',
}

const commandBlock = (commands: readonly string[]): readonly string[] =>
  commands.length === 0 ? [] : ['', '   ```sh', ...commands.map((command) => `   ${command}`), '   ```']

const stepLines = <O>(view: PageView<O>, step: Step, number: number): readonly string[] => {
  const preview = view.previews.get(step.id)
  const gate = view.gates.get(step.id)
  const budget = `usually ${formatDuration(step.budget.expected)}, at most ${formatDuration(step.budget.deadline)}`
  const granted = gate === undefined ? '' : `; unattended: \`${gate.flags.join(' ')}\``
  const box = view.checklist ? '[ ] ' : ''
  return [
    '',
    `${number}. ${box}**${step.title}** (${step.effect}: ${ASKED[step.effect]}${granted}; ${budget})`,
    `   ${step.why}`,
    ...(preview === undefined || view.checklist ? [] : [`   Here: ${preview.sentence}.`, ...preview.changes.map((change) => `   - ${change}`)]),
    ...commandBlock(preview?.commands ?? []),
    ...(view.checklist ? ['', '   Begun: ________  Seen to work: ________  By: ________'] : []),
  ]
}

/** The steps for one of them: they are the same for each. None where there is none in this picture, or it was not decided which. */
const exampleOf = <O>({ survey }: PageView<O>, part: ForEach): readonly Part[] => {
  if (survey === null) return []
  try {
    return part.items(survey)[0]?.parts ?? []
  } catch (thrown) {
    if (thrown instanceof Undecided) return []
    throw thrown
  }
}

const repeated = (lines: readonly string[]): readonly string[] =>
  lines.length > 0 ? lines : ['', 'The same steps as for the others; there is none here to show them for.']

const partLines = <O>(view: PageView<O>, part: Part, count: { steps: number }): readonly string[] => {
  const inside = (parts: readonly Part[]) => parts.flatMap((each) => partLines(view, each, count))
  switch (part.kind) {
    case 'step':
      count.steps += 1
      return stepLines(view, part, count.steps)
    case 'phase':
      return ['', `## ${part.title}`, ...inside(part.parts)]
    case 'choose':
      return ['', `### ${part.title}`, ...part.branches.flatMap((branch) => ['', `If ${branch.when}:`, ...inside(branch.parts)])]
    case 'forEach':
      return ['', `### ${part.title.charAt(0).toUpperCase()}${part.title.slice(1)}`, ...repeated(inside(exampleOf(view, part)))]
  }
}

const commandsOf = <O>({ scenario, cluster }: PageView<O>): readonly string[] => {
  const on = cluster === null ? '' : ` --cluster ${cluster.name}`
  return [
    '## With kdr',
    '',
    '```sh',
    `kdr diagnose${on}`,
    `kdr recover ${scenario.id}${on} --dry-run`,
    `kdr recover ${scenario.id}${on}`,
    'kdr runs resume',
    '```',
  ]
}

/** Markdown, without a line end. Pure. */
export const page = <O>(view: PageView<O>): string => {
  const { scenario, cluster, notes } = view
  const { rto, rpoRecords } = scenario.objectives
  const filled =
    cluster === null
      ? []
      : ['', `Filled in for cluster **${cluster.name}** (${cluster.platform}${cluster.id === null ? '' : `, cluster id ${cluster.id}`}), ${cluster.example}.`]
  return [
    `# ${scenario.title}`,
    '',
    `Target: recovered and verified within ${formatDuration(rto)}, ${rpoRecords} acknowledged records lost.`,
    ...filled,
    ...(notes === null ? [] : ['', notes]),
    '',
    '## Symptoms',
    '',
    ...scenario.symptoms.map((symptom) => `- ${view.checklist ? '[ ] ' : ''}${symptom}`),
    ...(view.checklist ? ['', 'Incident begun: ________  Recovery begun: ________  Who leads: ________'] : []),
    ...view.parts.flatMap(
      (
        (count) => (part: Part) =>
          partLines(view, part, count)
      )({ steps: 0 }),
    ),
    '',
    ...commandsOf(view),
  ].join('\n')
}
