// After elections that lost records: transactions that nobody will end any more, for whom read_committed
// readers wait without saying so.
import { look, type Step } from '../../engine/step.ts'
import { few } from '../../judgement/evidence.ts'
import { hangingTransactions } from '../../judgement/transactions.ts'
import type { OpenTransaction, Survey } from '../../model/survey.ts'
import type { ReadWorld } from '../../ports/world.ts'
import { minutes, seconds } from '../../units.ts'

interface Seen {
  readonly hanging: readonly string[]
  /** null: looked at. */
  readonly blind: string | null
}

const AGAIN = seconds(2)

const ask = (world: ReadWorld): Promise<Survey> => world.survey(['partitions', 'transactions'])

const words = ({ partition, producerId, openSince }: OpenTransaction): string => `${partition} since offset ${openSince} (producer ${producerId})`

export const lookForHanging = (): Step =>
  look<Seen>({
    id: 'look-for-hanging',
    title: 'Look for hanging transactions',
    why: 'A transaction marker that was lost leaves its partition closed to read_committed readers from there on (KAFKA-20716).',
    effect: 'read',
    aspects: [],
    budget: { expected: seconds(5), deadline: minutes(1) },
    resolve: async (world) => {
      const first = await ask(world)
      if (!first.transactions.known) return { target: { hanging: [], blind: first.transactions.why } }
      const suspects = hangingTransactions(first).map(words)
      if (suspects.length === 0) return { target: { hanging: [], blind: null } }
      // Partitions and coordinators are asked at the same time: one that ended in between looks as if nobody would end it.
      await world.clock.sleep(AGAIN)
      const again = await ask(world)
      if (!again.transactions.known) return { target: { hanging: [], blind: again.transactions.why } }
      const still = new Set(hangingTransactions(again).map(words))
      return { target: { hanging: suspects.filter((each) => still.has(each)), blind: null } }
    },
    preview: (_, commands) => ({
      sentence: 'look for transactions that no coordinator will end',
      changes: [],
      commands: [commands.kafka('kafka-transactions', ['find-hanging'])],
    }),
    expect: (now) => now,
    done: (_, { hanging, blind }) => ({
      state: 'done',
      detail:
        blind !== null
          ? `NOT SEEN: ${blind}; look again with kafka-transactions find-hanging`
          : hanging.length === 0
            ? 'none'
            : `${hanging.length} hanging: ${few(hanging)}; end them with kafka-transactions abort`,
    }),
  })
