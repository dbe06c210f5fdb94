// The two halves of the world. Whatever looks gets the read half; only `act` gets the write half, so a
// step that writes too early does not compile. A dry run composes no write half at all.
import type { Aspect, Survey } from '../model/survey.ts'
import type { Clock } from './clock.ts'
import type { ConnectReader } from './connect.ts'
import type { CoordinationReader } from './coordination.ts'
import type { FileReader } from './files.ts'
import type { KafkaProbe, KafkaReader, KafkaWriter } from './kafka.ts'
import type { KafkaRestoreReader, KafkaRestoreWriter } from './kafka-backup.ts'
import type { PlatformReader, PlatformWriter } from './platform.ts'
import type { SchemaRegistryProbe, SchemaRegistryReader, SchemaRegistryWriter } from './schema-registry.ts'

/** Everything a survey is taken through. */
export interface ReadPorts {
  readonly clock: Clock
  readonly platform: PlatformReader
  readonly kafka: KafkaReader
  readonly backup: KafkaRestoreReader
  /** null when the cluster has no ZooKeeper. */
  readonly coordination: CoordinationReader | null
  /** null where no Connect is looked for. */
  readonly connect: ConnectReader | null
  readonly registry: SchemaRegistryReader
  readonly files: FileReader
}

export interface WritePorts {
  readonly platform: PlatformWriter
  readonly kafka: KafkaWriter
  readonly probe: KafkaProbe
  readonly restore: KafkaRestoreWriter
  readonly registry: SchemaRegistryWriter & SchemaRegistryProbe
}

/** How far something long is: shown, never journalled. */
export interface Told {
  readonly detail: string
  readonly measure?: { readonly done: number; readonly total: number; readonly unit: string }
}

export interface ReadWorld {
  readonly clock: Clock
  readonly platform: PlatformReader
  readonly backup: KafkaRestoreReader
  /** null when the cluster has no ZooKeeper. */
  readonly coordination: CoordinationReader | null
  readonly files: FileReader
  /** A fresh survey, or only these aspects of it, the rest carried over. */
  survey(aspects?: readonly Aspect[]): Promise<Survey>
  /** Keeps evidence in the run's folder, redacted; returns where. */
  evidence(name: string, content: string): string
  /** Keeps bytes as they are, which nothing redacts; a dry run does not read `source`. Returns where. */
  keep(name: string, source: AsyncIterable<Uint8Array>): Promise<string>
  /** What takes long says how far it is, as often as it likes. */
  readonly tell: (told: Told) => void
}

export interface WriteWorld extends ReadWorld {
  /** Aborted by the first Ctrl-C: an act that loses nothing by stopping anywhere, because the target tells how far it came, may stop then. */
  readonly stopping: AbortSignal
  /** Id of the run: what probes create carries it in its name, so that a resumed run finds its own. */
  readonly run: string
  readonly kafka: KafkaReader
  readonly registry: SchemaRegistryReader
  readonly change: WritePorts
}
