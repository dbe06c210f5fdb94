// Lines of Kafka's, ZooKeeper's and the JVM's own logs that mean something for a recovery. Read from the
// logs of 3.5.2 and 4.3.1 brokers made to fail on purpose; it stands in survey/ because observing reads logs.
import type { LogSignal } from '../model/member.ts'

type Kind = LogSignal['kind']

/** First match wins, so causes stand before `fatal`, which only says that it ended. */
const SIGNS: readonly (readonly [Kind, RegExp])[] = [
  ['out-of-memory', /java\.lang\.OutOfMemoryError|insufficient memory for the Java Runtime Environment/],
  ['disk-full', /No space left on device|Disk quota exceeded/],
  // ZooKeeper: an exception at start. 3.7 and later: MetaPropertiesEnsemble.verify. KRaft: in every fetch response, for ever.
  ['inconsistent-cluster-id', /InconsistentClusterIdException|Invalid cluster\.id in: |INCONSISTENT_CLUSTER_ID/],
  [
    'inconsistent-broker-id',
    /InconsistentBrokerIdException|Stored node id -?\d+ doesn't match previous node id|Configured (?:node|broker)\.id .{0,40}doesn't match stored/,
  ],
  // ZooKeeper: the old session's /brokers/ids/N. KRaft: the old incarnation's registration, retried until it expires.
  ['node-exists', /Error while creating ephemeral at \/brokers\/ids\/|KeeperException\$NodeExistsException|DUPLICATE_BROKER_REGISTRATION/],
  ['not-formatted', /No readable meta\.properties files found|No `?meta\.properties`? found in /],
  ['port-in-use', /Address already in use|Socket server failed to bind to/],
  ['bad-configuration', /config\.ConfigException|in advertised listeners are already registered by broker|InconsistentBrokerMetadataException/],
  ['log-dir-failure', /all log dirs in .{0,400} have failed|LogDirFailureChannel\)|Failed to acquire lock on file \.lock|AccessDeniedException/],
  ['corrupt-data', /CorruptRecordException|CorruptIndexException|Unable to load database on disk/],
  [
    'log-recovery',
    /Recovering unflushed segment (?!.*__cluster_metadata)|(?:Recovering \d+|Attempting recovery for all) logs (?:from|in) .{0,400} since no clean shutdown file/,
  ],
  ['started', /\[KafkaServer id=-?\d+\] started|\[KafkaRaftServer nodeId=-?\d+\] Kafka Server started/],
  ['controlled-shutdown', /Terminating process due to signal SIG(?:TERM|INT)|Starting controlled shutdown|Beginning controlled shutdown/],
  [
    'fatal',
    /Exiting Kafka due to fatal exception|Received a fatal error while |Fatal error during \S+ startup|Encountered fatal fault|Unexpected exception, exiting abnormally|Severe unrecoverable error, exiting|ZooKeeperClientTimeoutException|unable to register with the controller quorum/,
  ],
]

/** First lines of a new process: what stands before them was said by an earlier incarnation. */
const BIRTH =
  /Registered `?kafka:type=kafka\.Log4jController`? MBean|Registered signal handlers for |\bstarting \(kafka\.server\.KafkaServer\)|Starting quorum peer/
const RECOVERY_OVER = /Loaded \d+ logs in \d+ ?ms/
const STACK_FRAME = /^\s+(?:at |\.\.\. \d+ more)/
/** Enough to read; a line may be megabytes. */
const LONGEST = 400

const kindOf = (line: string): Kind | null => SIGNS.find(([, sign]) => sign.test(line))?.[0] ?? null

/**
 * Signals of the latest incarnation in `lines` (oldest first), in order, repeats folded into one (but every fatal line is kept). Log recovery that
 * has finished is no signal; of one under way the newest line is kept, since it carries the progress.
 */
export const recognise = (lines: readonly string[]): readonly LogSignal[] => {
  let signals: LogSignal[] = []
  for (const full of lines) {
    const line = full.slice(0, LONGEST)
    if (BIRTH.test(line)) signals = []
    if (RECOVERY_OVER.test(line)) signals = signals.filter((signal) => signal.kind !== 'log-recovery')
    const kind = STACK_FRAME.test(line) ? null : kindOf(line)
    if (kind === null) continue
    const last = signals.at(-1)
    if (last?.kind !== kind || (kind === 'fatal' && last.line !== line)) signals.push({ kind, line })
    else if (kind === 'log-recovery') signals[signals.length - 1] = { kind, line }
  }
  return signals
}
