// Ctrl-C and SIGTERM: the first asks everything to finish or to abandon its wait; the second leaves at
// once and says what is still going on. Never undoes anything.
import { setMaxListeners } from 'node:events'
import type { EventSink, RunEvent } from '../engine/events.ts'
import type { Interrupt } from '../engine/interaction.ts'
import { EXIT_CODES, KdrError } from '../errors.ts'
import { planAnew } from './render/words.ts'

type Cause = 'SIGINT' | 'SIGTERM'

export interface Interruption extends Interrupt {
  /** As if the signal had come: what Ctrl-C at a question does. */
  raise(cause: Cause): void
  /** Watches a run, so that leaving at once can say what is under way. */
  readonly watch: EventSink
  /** Whether an effect has begun in this run. */
  acted(): boolean
  /** What the first signal says, once per command. */
  onFirst(tell: () => void): void
}

interface UnderWay {
  run: string | null
  goOn: string
  title: string | null
  effect: string | null
  acted: boolean
  finished: boolean
}

const follow = (state: UnderWay, event: RunEvent): void => {
  if (event.type === 'run.started') {
    state.run = event.run
    state.goOn = event.platform === 'store' ? planAnew(event.cluster) : `kdr runs resume ${event.run}`
  }
  if (event.type === 'step.started') state.title = event.title
  if (event.type === 'step.intent') {
    state.acted = true
    state.effect = event.preview.sentence
  }
  if (event.type === 'step.settled') state.effect = null
  if (event.type === 'run.finished') state.finished = true
}

const lastWords = (state: UnderWay): readonly string[] => [
  'Left at once.',
  ...(state.effect === null ? [] : [`Still going on, whatever kdr does: ${state.effect}.`]),
  ...(state.effect === null && state.title !== null ? [`It was at: ${state.title}.`] : []),
  ...(state.run === null ? [] : [`Look at it: kdr runs show ${state.run}`, `Go on:      ${state.goOn}`]),
]

/** Exit code of a command that a signal ended. */
export const exitOf = (cause: Cause, acted: boolean): number =>
  acted ? EXIT_CODES.stopped.code : cause === 'SIGINT' ? EXIT_CODES.interrupted.code : EXIT_CODES.terminated.code

export const listenForSignals = (host: NodeJS.Process, say: (text: string) => void): Interruption => {
  const controller = new AbortController()
  // Every request of a survey listens to it at once: many listeners are no leak here.
  setMaxListeners(0, controller.signal)
  const state: UnderWay = { run: null, goOn: '', title: null, effect: null, acted: false, finished: false }
  let cause: Cause | null = null
  let tell = () => {}
  const raise = (signal: Cause): void => {
    if (cause !== null) {
      // A run that has ended has said so itself.
      if (!state.finished) for (const line of lastWords(state)) say(line)
      host.exit(exitOf(signal, state.acted))
    }
    cause = signal
    tell()
    controller.abort(
      new KdrError(signal === 'SIGINT' ? 'interrupted' : 'terminated', { code: 'interrupted', exit: signal === 'SIGINT' ? 'interrupted' : 'terminated' }),
    )
  }
  host.on('SIGINT', () => raise('SIGINT'))
  host.on('SIGTERM', () => raise('SIGTERM'))
  return {
    signal: controller.signal,
    cause: () => cause,
    raise,
    watch: (event) => follow(state, event),
    acted: () => state.acted,
    onFirst: (words) => {
      tell = words
    },
  }
}
