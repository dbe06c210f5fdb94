// Transactions that nobody will end: open on a partition, and no coordinator has them going. A marker that was
// lost with an unclean election leaves them (KIP-704, KAFKA-20716); read_committed readers wait for ever.
import type { OpenTransaction, Survey } from '../model/survey.ts'

/** States in which the coordinator still has something to end (TransactionState). */
const GOING: ReadonlySet<string> = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence'])

/** As kafka-transactions find-hanging tells them; ask `transactions.known` first. */
export const hangingTransactions = ({ transactions }: Survey): readonly OpenTransaction[] =>
  transactions.known ? transactions.value.filter(({ state }) => state === null || !GOING.has(state)) : []
