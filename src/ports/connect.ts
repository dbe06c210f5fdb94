// Kafka Connect, read only: the state of connectors and of every task. A connector may be RUNNING while all of
// its tasks have failed.
import type { Connector } from '../model/survey.ts'

export interface ConnectReader {
  /**
   * Every connector of the group that the worker at `url` (`http://host:port`) belongs to. Throws `connect-unreachable`,
   * `connect-silent`, `connect-failed`, `connect-forbidden`, `connect-odd-answer`.
   */
  connectors(url: string, signal: AbortSignal): Promise<readonly Connector[]>
}
