// What `kdr config init` writes: every key there is, with what it means, so that nobody needs the source.

export const EXAMPLE = `# kdr: which clusters there are and how to reach them.
# Searched: --config, $KDR_CONFIG, ./kdr.yaml, $XDG_CONFIG_HOME/kdr/config.yaml; the first one found is used.
# Flags win over the environment (KDR_CLUSTER, KDR_OUTPUT), which wins over this file.
# After every change: kdr config check

# Cluster meant when nobody says --cluster. A lab (kdr lab up) is a cluster too, and needs nothing here.
# default: prod

clusters:
  # prod:
  #   # What runs the members. This version of kdr works on local processes, described by a state file
  #   # ("schema": "kdr/process/1"; a lab's lab.json is one).
  #   platform:
  #     process:
  #       state: /srv/kafka/cluster.json
  #   kafka:
  #     # As the brokers advertise themselves; left out, the platform is asked.
  #     bootstrap: [broker-1:9092, broker-2:9092, broker-3:9092]
  #     # PEM files, relative to this file. {} alone means TLS with the system's authorities.
  #     tls:
  #       ca: ca.pem
  #       cert: kdr.pem
  #       key: kdr.key
  #     sasl:
  #       mechanism: scram-sha-512        # plain, scram-sha-256 or scram-sha-512
  #       username: kdr
  #       # A reference, never the secret: { env: NAME } or { file: path }.
  #       password: { env: KDR_KAFKA_PASSWORD }
  #   # Only for a cluster that has ZooKeeper.
  #   zookeeper:
  #     servers: [zookeeper-1:2181, zookeeper-2:2181, zookeeper-3:2181]
  #   # When a cluster counts as healthy. These are the defaults.
  #   thresholds:
  #     diskUsed: 0.8                     # of any log directory, 0 to 1
  #     leaderImbalance: 0.1              # partitions not led by their preferred leader, 0 to 1
  #     roundTripP99: 2s                  # of the round trip through kdr's own topic
  #   # After a recovery was verified it is looked at again after this long.
  #   stability:
  #     interval: 60s
  #   notes: who to call, what is special
`
