// What `kdr config init` writes: every key there is, with what it means, so that nobody needs the source.

export const EXAMPLE = `# kdr: which clusters there are and how to reach them.
# Searched: --config, $KDR_CONFIG, ./kdr.yaml, $XDG_CONFIG_HOME/kdr/config.yaml; the first one found is used.
# Flags win over the environment (KDR_CLUSTER, KDR_OUTPUT), which wins over this file.
# After every change: kdr config check

# Cluster meant when nobody says --cluster. A lab (kdr lab up) is a cluster too, and needs nothing here.
# default: prod

# Where kdr backup keeps and looks for backups. The same keys under a cluster win over these, one by one.
# backup:
#   # A folder, relative to this file, or s3://bucket/prefix. Flag: --store.
#   store: /var/kafka-backups
#   # Credentials come from the usual chain of AWS (environment, profile, role), never from here.
#   s3:
#     endpoint: https://minio.example:9000   # another server than Amazon's
#     region: eu-central-1
#     pathStyle: true                        # bucket in the path, as other servers want it
#     storageClass: STANDARD_IA
#     sse: { kind: aws:kms, keyId: alias/backups }    # or { kind: AES256 }
#     objectLock: { mode: GOVERNANCE, days: 30 }
#   # By age: to whom it is encrypted, by public keys or with a passphrase; and with which key it is read.
#   encryption:
#     recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
#     identity: { file: kdr.age-identity }
#     # passphrase: { env: KDR_BACKUP_PASSPHRASE }
#   # What kdr backup prune keeps, unless its flags say otherwise.
#   keep: { days: 30, full: 4 }

clusters:
  # prod:
  #   # What runs the members: one of kubernetes, docker, process.
  #   platform:
  #     kubernetes:
  #       namespace: kafka
  #       # Left out: KUBECONFIG, ~/.kube/config, or inside a pod its own service account.
  #       kubeconfig: /home/me/.kube/config
  #       # Left out: the current context. A run is pinned to the one it began with.
  #       context: production
  #       # Which pods are what, where labels differ from app=kafka, app=zookeeper, app=controller,
  #       # app=schema-registry, app=kafka-connect and those of Strimzi, Bitnami and Confluent.
  #       selectors:
  #         broker: app=kafka
  #         zookeeper: app=zookeeper
  #     # docker:
  #     #   # Containers are found by the labels that compose puts on them.
  #     #   project: kafka
  #     #   # Left out: DOCKER_HOST, the current Docker context, the local socket.
  #     #   host: ssh://ops@kafka-host
  #     #   context: production
  #     #   # To create a container that is gone; left out: the files that the labels name.
  #     #   files: [docker-compose.yml]
  #     # process:
  #     #   # A state file ("schema": "kdr/process/1"; a lab's lab.json is one).
  #     #   state: /srv/kafka/cluster.json
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
  #   # Kafka Connect's REST interface; left out, the platform is asked where its workers listen. urls: [] means: do not look.
  #   connect:
  #     urls: [http://connect-1:8083, http://connect-2:8083]
  #     # For https://; left out, the system's authorities.
  #     ca: ca.pem
  #     auth:
  #       username: kdr
  #       password: { env: KDR_CONNECT_PASSWORD }
  #   # Left out: the platform's members of that role, over plain HTTP.
  #   schemaRegistry:
  #     # Every instance by itself, never an address that stands for several of them.
  #     urls: [http://registry-1:8081, http://registry-2:8081]
  #     ca: ca.pem
  #     auth:
  #       username: kdr
  #       password: { env: KDR_REGISTRY_PASSWORD }
  #     # Where they are not Confluent's defaults.
  #     topic: _schemas
  #     group: schema-registry
  #   # When a cluster counts as healthy. These are the defaults.
  #   thresholds:
  #     diskUsed: 0.8                     # of any log directory, 0 to 1
  #     leaderImbalance: 0.1              # partitions not led by their preferred leader, 0 to 1
  #     roundTripP99: 2s                  # of the round trip through kdr's own topic
  #   # After a recovery was verified it is looked at again after this long.
  #   stability:
  #     interval: 60s
  #   # What differs from backup: above.
  #   backup:
  #     store: s3://kafka-backups/prod
  #   notes: who to call, what is special
`
