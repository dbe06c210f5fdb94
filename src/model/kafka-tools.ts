// Kafka's command-line tools, as every platform has them typed and run.

/** Options that say where the cluster is; tools that need one get it when it was left out. */
const SAYS_WHERE = ['--bootstrap-server', '--bootstrap-controller']
const ASKS_BROKERS = [
  'kafka-topics',
  'kafka-leader-election',
  'kafka-metadata-quorum',
  'kafka-configs',
  'kafka-log-dirs',
  'kafka-acls',
  'kafka-delete-records',
  'kafka-consumer-groups',
  'kafka-broker-api-versions',
]

/** `brokers` as they are reached from where the tool runs. */
export const withBootstrap = (tool: string, args: readonly string[], brokers: string): readonly string[] =>
  !ASKS_BROKERS.includes(tool) || args.some((arg) => SAYS_WHERE.includes(arg.split('=', 1)[0] ?? '')) ? args : ['--bootstrap-server', brokers, ...args]

/**
 * What a tool run inside a broker's container would inherit and must not: its JMX port is taken, its agents are the
 * broker's, and its heap would be taken a second time within the same memory limit (Yolean/kubernetes-kafka#144).
 */
export const TOOL_ENVIRONMENT = ['env', '-u', 'JMX_PORT', '-u', 'KAFKA_JMX_OPTS', '-u', 'KAFKA_OPTS', 'KAFKA_HEAP_OPTS=-Xmx256M'] as const
