// What a backup has to keep, written and read back with Kafka's own client: only that one makes transactions, codecs,
// headers and offsets as applications do. `produce`, `more`, `recreate`, `strangers` write; `look` prints every topic, record
// (read_committed) and group position of the corpus; `load`, `bare`, `drop` are for measuring. Java 17 and Kafka's jars.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.serialization.*;

public class Corpus {
  static final String PREFIX = "corpus.";
  static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
  static final long DAY = 86_400_000L;
  static final Random random = new Random(6);
  static String bootstrap;
  static Admin admin;

  public static void main(String[] args) throws Exception {
    bootstrap = args[1];
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    switch (args[0]) {
      case "produce" -> produceAll(args[2].startsWith("4"));
      case "more" -> more();
      case "recreate" -> recreate(Integer.parseInt(args[2]));
      case "load" -> load(args[2], args[3], Integer.parseInt(args[4]), Long.parseLong(args[5]), Integer.parseInt(args[6]));
      case "strangers" -> strangers(args[2]);
      case "bare" -> bare(args[2], Integer.parseInt(args[3]));
      case "drop" -> drop(args[2]);
      case "look" -> { look(args.length > 2 ? args[2] : ""); positions(); }
      default -> throw new IllegalArgumentException(args[0]);
    }
    System.out.flush();
    // A transaction that is to stay open must not be aborted by a shutdown.
    Runtime.getRuntime().halt(0);
  }

  // ---- what it consists of

  static void produceAll(boolean newest) throws Exception {
    // What was written over is gone soon, instead of every 15 s.
    admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.BROKER, ""),
        List.of(new AlterConfigOp(new ConfigEntry("log.cleaner.backoff.ms", "100"), AlterConfigOp.OpType.SET)))).all().get();
    Map<String, String> any = Map.of("retention.ms", "-1");
    List<NewTopic> topics = new ArrayList<>();
    for (int at = 0; at < CODECS.length; at++) topics.add(topic("codec." + CODECS[at], 3, 1 + at % 3, any));
    topics.add(topic("codec.mixed", 1, 3, any));
    topics.add(topic("shapes", 1, 3, any));
    topics.add(topic("transactions", 2, 3, any));
    topics.add(topic("open", 1, 3, any));
    topics.add(topic("compacted", 1, 3, Map.of("cleanup.policy", "compact", "segment.ms", "40", "min.cleanable.dirty.ratio", "0.01")));
    topics.add(topic("stamped", 2, 2, Map.of("message.timestamp.type", "LogAppendTime")));
    Map<String, String> times = new HashMap<>(any);
    if (newest) times.put("message.timestamp.after.max.ms", String.valueOf(7 * DAY));
    topics.add(topic("times", 2, 2, times));
    topics.add(topic("empty", 3, 1, any));
    topics.add(topic("cut", 1, 3, any));
    topics.add(topic("big", 2, 1, Map.of("retention.ms", "-1", "max.message.bytes", "12000000")));
    topics.add(topic("recreated", 1, 3, any));
    admin.createTopics(topics).all().get();

    for (int at = 0; at < CODECS.length; at++) codec(CODECS[at]);
    for (String codec : CODECS) try (var producer = producer(codec, null)) { for (int n = 0; n < 40; n++) send(producer, "codec.mixed", 0, "k" + n, codec + n, null); }
    shapes();
    transactions();
    compacted();
    stamped();
    times();
    partly();
    big();
    try (var producer = producer("none", null)) { for (int n = 0; n < 20; n++) send(producer, "recreated", 0, "old" + n, "OLD" + n, null); }
    rights();
    groups();
    if (newest) newerGroups();
    leaveOpen();
  }

  /** One of these partitions and replicas; min ISR as high as it can be acknowledged. */
  static NewTopic topic(String name, int partitions, int replicas, Map<String, String> configs) {
    Map<String, String> all = new HashMap<>(configs);
    all.put("min.insync.replicas", String.valueOf(Math.min(2, replicas)));
    return new NewTopic(PREFIX + name, partitions, (short) replicas).configs(all);
  }

  static void codec(String codec) {
    try (var producer = producer(codec, null)) {
      for (int n = 0; n < 600; n++) send(producer, "codec." + codec, n % 3, "key-" + n % 50, text(100 + n % 400), null);
    }
  }

  static void shapes() {
    byte[] none = {};
    byte[] binary = new byte[256];
    for (int at = 0; at < 256; at++) binary[at] = (byte) at;
    Header[][] headers = {
      {}, {header("a", "1")}, {header("a", "1"), header("a", "2"), header("b", ""), header("a", "1")},
      {new RecordHeader("null", (byte[]) null)}, {new RecordHeader("empty", none)}, {new RecordHeader("", binary)},
      {new RecordHeader("schlüssel-🔑", "grüße".getBytes(StandardCharsets.UTF_8))},
    };
    byte[][] values = {null, none, {0}, {10}, binary, "zwölf\n\t\"quoted\"".getBytes(StandardCharsets.UTF_8)};
    for (String codec : new String[] {"none", "lz4"}) try (var producer = producer(codec, null)) {
      for (byte[] key : values) for (byte[] value : values) for (Header[] each : headers) raw(producer, "shapes", 0, null, key, value, each);
    }
  }

  static void transactions() {
    try (var first = producer("lz4", "kdr-first"); var second = producer("none", "kdr-second"); var plain = producer("zstd", null)) {
      first.initTransactions();
      second.initTransactions();
      for (int round = 0; round < 12; round++) {
        first.beginTransaction();
        second.beginTransaction();
        for (int n = 0; n < 7; n++) {
          send(first, "transactions", n % 2, "f" + round, "first " + round + " " + n, null);
          send(second, "transactions", n % 2, "s" + round, "second " + round + " " + n, null);
          first.flush();
          second.flush();
          if (n == 3) send(plain, "transactions", round % 2, "p" + round, "plain " + round, null);
        }
        if (round % 3 == 0) first.abortTransaction(); else first.commitTransaction();
        if (round % 4 == 1) second.abortTransaction(); else second.commitTransaction();
      }
    }
    // The topic that another transaction will be left open in: committed ones before it.
    try (var producer = producer("none", "kdr-before")) {
      producer.initTransactions();
      producer.beginTransaction();
      for (int n = 0; n < 10; n++) send(producer, "open", 0, "b" + n, "before " + n, null);
      producer.commitTransaction();
    }
  }

  /** Nothing after the open one can be read committed, whoever wrote it. */
  static void leaveOpen() {
    var producer = producer("none", "kdr-open");
    producer.initTransactions();
    producer.beginTransaction();
    for (int n = 0; n < 5; n++) send(producer, "open", 0, "o" + n, "open " + n, null);
    producer.flush();
    try (var plain = producer("none", null)) { for (int n = 0; n < 7; n++) send(plain, "open", 0, "a" + n, "after " + n, null); }
  }

  static void compacted() throws Exception {
    try (var producer = producer("none", null); var packed = producer("lz4", null)) {
      for (int batch = 0; batch < 24; batch++) {
        for (int n = 0; n < 25; n++) {
          int key = random.nextInt(60);
          boolean gone = n == 24 && batch % 4 == 0;
          send(batch % 2 == 0 ? producer : packed, "compacted", 0, "k" + key, gone ? null : "v" + batch + "." + n, null);
        }
        producer.flush();
        packed.flush();
        Thread.sleep(45);
      }
      // The last of all keys stay in segments that are no longer written, and one record more in the one that is.
      send(producer, "compacted", 0, "last", "last", null);
    }
    TopicPartition at = new TopicPartition(PREFIX + "compacted", 0);
    long end = System.currentTimeMillis() + 40_000;
    int count = 601;
    for (int before = -1; count > 300 || before != count; ) {
      if (System.currentTimeMillis() > end) throw new IllegalStateException("not compacted: " + count);
      Thread.sleep(250);
      before = count;
      count = read(List.of(at), record -> {}).get(at);
    }
    // Left as it is from here on, there and wherever it is restored.
    set("compacted", Map.of("min.compaction.lag.ms", String.valueOf(30 * DAY), "segment.ms", String.valueOf(30 * DAY), "min.cleanable.dirty.ratio", "1.0"));
  }

  static void stamped() {
    for (String codec : new String[] {"none", "gzip"}) try (var producer = producer(codec, null)) {
      for (int n = 0; n < 60; n++) send(producer, "stamped", n % 2, "k" + n, "stamped " + n, null);
    }
  }

  static void times() {
    long now = System.currentTimeMillis();
    long[] when = {now - 365 * DAY, now + DAY, now, now - 60 * DAY, 0, 1_000_000_000_000L, now - 1, now + DAY - 1};
    for (String codec : new String[] {"none", "zstd"}) try (var producer = producer(codec, null)) {
      for (int n = 0; n < 80; n++) raw(producer, "times", n % 2, when[(n / 2) % when.length] + n, bytes("k" + n), bytes("at " + n));
    }
  }

  /** A partition without a record since ever, one emptied, and one that lost its beginning. */
  static void partly() throws Exception {
    try (var producer = producer("none", null)) {
      for (int n = 0; n < 30; n++) send(producer, "empty", n % 2 * 2, "k" + n, "v" + n, null);
      for (int n = 0; n < 100; n++) send(producer, "cut", 0, "k" + n, "v" + n, null);
    }
    admin.deleteRecords(Map.of(
        new TopicPartition(PREFIX + "empty", 2), RecordsToDelete.beforeOffset(-1),
        new TopicPartition(PREFIX + "cut", 0), RecordsToDelete.beforeOffset(37))).all().get();
  }

  static void big() {
    for (String codec : new String[] {"none", "lz4"}) try (var producer = producer(codec, null)) {
      for (int n = 0; n < 2; n++) {
        byte[] value = new byte[10_000_000];
        random.nextBytes(value);
        raw(producer, "big", n, null, bytes("big" + n), value);
        send(producer, "big", n, "small", "beside it", null);
      }
    }
  }

  static void rights() throws Exception {
    admin.alterClientQuotas(List.of(new ClientQuotaAlteration(new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, "corpus-app")),
        List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 20_000_000.0))))).all().get();
    admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("corpus-user",
        new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), "a password that no backup may hold"))).all().get();
  }

  static void groups() throws Exception {
    commit("corpus-start", at("codec.none", 0, 0), at("codec.none", 1, 0), at("empty", 1, 0), at("empty", 2, 15), at("cut", 0, 37));
    commit("corpus-end", at("codec.gzip", 0, 200), at("codec.gzip", 1, 200), at("codec.gzip", 2, 200), at("big", 0, 4), at("cut", 0, 100), at("empty", 2, 15));
    commit("corpus-middle", at("codec.lz4", 0, 77), at("codec.lz4", 1, 1), at("codec.zstd", 0, 199), at("codec.mixed", 0, 123), at("cut", 0, 61), at("stamped", 0, 17), at("times", 1, 3));
    // Every offset of them: kept records, removed ones, markers, aborted ones.
    TopicPartition compacted = new TopicPartition(PREFIX + "compacted", 0), mixed = new TopicPartition(PREFIX + "transactions", 1);
    long last = ends(List.of(compacted, mixed)).get(mixed);
    for (int n = 0; n < 12; n++) commit("corpus-hole-" + n, at("compacted", 0, 20 + 50L * n), at("transactions", 1, Math.min(last, 3 + 11L * n)));
    commit("corpus-transactions", at("transactions", 1, last), at("open", 0, 11));
    // As Kafka Streams writes it: version, stream time, and what a processor said.
    byte[] streams = ByteBuffer.allocate(9 + 4).put((byte) 2).putLong(System.currentTimeMillis()).putInt(0).array();
    TopicPartition first = new TopicPartition(PREFIX + "shapes", 0), second = new TopicPartition(PREFIX + "codec.snappy", 1);
    commit("corpus-streams", Map.of(first, new OffsetAndMetadata(100, Optional.of(0), Base64.getEncoder().encodeToString(streams)),
        second, new OffsetAndMetadata(50, Optional.empty(), "keep\u0000me · 🗝 ".repeat(40))));
  }

  /** One whose members the coordinator assigns (KIP-848); and one that shares (KIP-932), which older jars do not know. */
  static void newerGroups() throws Exception {
    Properties properties = new Properties();
    properties.putAll(Map.of("bootstrap.servers", bootstrap, "group.id", "corpus-assigned", "group.protocol", "consumer", "enable.auto.commit", "false"));
    try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(PREFIX + "codec.none"));
      while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(100));
      consumer.commitSync(Map.of(new TopicPartition(PREFIX + "codec.none", 1), new OffsetAndMetadata(42, "assigned")));
    }
    Class<?> kind = Class.forName("org.apache.kafka.clients.consumer.KafkaShareConsumer");
    Properties sharing = new Properties();
    sharing.putAll(Map.of("bootstrap.servers", bootstrap, "group.id", "corpus-share"));
    var made = kind.getConstructor(Properties.class, Deserializer.class, Deserializer.class);
    try (var consumer = (AutoCloseable) made.newInstance(sharing, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      kind.getMethod("subscribe", Collection.class).invoke(consumer, List.of(PREFIX + "codec.none"));
      for (int n = 0; n < 5; n++) kind.getMethod("poll", Duration.class).invoke(consumer, Duration.ofMillis(200));
    }
  }

  /** What an increment adds: to a partition that had something, to one that never had, and in transactions. */
  static void more() throws Exception {
    try (var producer = producer("lz4", null)) {
      for (int n = 0; n < 150; n++) send(producer, "codec.lz4", n % 3, "more" + n, text(200), null);
      for (int n = 0; n < 25; n++) send(producer, "empty", 1, "more" + n, "first of its partition", null);
      for (int n = 0; n < 10; n++) send(producer, "stamped", 0, "more" + n, "stamped later", null);
    }
    try (var producer = producer("none", "kdr-more")) {
      producer.initTransactions();
      for (int round = 0; round < 4; round++) {
        producer.beginTransaction();
        for (int n = 0; n < 5; n++) send(producer, "transactions", n % 2, "more" + round, "more " + round + " " + n, null);
        producer.flush();
        if (round % 2 == 0) producer.abortTransaction(); else producer.commitTransaction();
      }
    }
    commit("corpus-middle", at("codec.lz4", 0, 230), at("codec.lz4", 1, 200), at("empty", 1, 7));
    commit("corpus-late", at("codec.lz4", 2, 150), at("transactions", 0, ends(List.of(new TopicPartition(PREFIX + "transactions", 0))).values().iterator().next()));
  }

  /** Another topic of the same name: whoever goes by offsets alone takes it for the old one. */
  static void recreate(int records) throws Exception {
    admin.deleteTopics(List.of(PREFIX + "recreated")).all().get();
    for (int tries = 0; ; tries++) {
      try {
        admin.createTopics(List.of(topic("recreated", 1, 3, Map.of("retention.ms", "-1")))).all().get();
        break;
      } catch (ExecutionException thrown) {
        if (tries > 50) throw thrown;
        Thread.sleep(200);
      }
    }
    try (var producer = producer("none", null)) { for (int n = 0; n < records; n++) send(producer, "recreated", 0, "new" + n, "NEW" + n, null); }
  }

  /** JSON-like records of about `size` bytes, half of them random, keyed: what is measured with. */
  static void load(String name, String codec, int partitions, long records, int size) throws Exception {
    bare(name, partitions);
    char[] half = new char[size / 2 - 60];
    StringBuilder same = new StringBuilder();
    while (same.length() < size / 2 - 60) same.append("\"field").append(same.length()).append("\":\"some value\",");
    same.setLength(size / 2 - 60);
    String letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Properties properties = properties(codec, null);
    properties.putAll(Map.of("linger.ms", "20", "batch.size", "262144", "buffer.memory", "134217728", "acks", "1", "enable.idempotence", "false"));
    try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
      SplittableRandom quick = new SplittableRandom(7);
      for (long n = 0; n < records; n++) {
        for (int at = 0; at < half.length; at++) half[at] = letters.charAt(quick.nextInt(64));
        String value = "{\"id\":" + n + ",\"customer\":\"c-" + n % 100_000 + "\"," + same + "\"payload\":\"" + new String(half) + "\"}";
        producer.send(new ProducerRecord<>(name, bytes("c-" + n % 100_000), bytes(value)));
      }
    }
  }

  static void bare(String name, int partitions) throws Exception {
    admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(Map.of("min.insync.replicas", "1", "retention.ms", "-1")))).all().get();
  }

  static void drop(String prefix) throws Exception {
    admin.deleteTopics(admin.listTopics().names().get().stream().filter(name -> name.startsWith(prefix)).toList()).all().get();
  }

  /** What somebody else has in a cluster already: a topic with a record, and one with other partitions. */
  static void strangers(String prefix) throws Exception {
    admin.createTopics(List.of(new NewTopic(prefix + PREFIX + "codec.none", 3, (short) 1), new NewTopic(prefix + PREFIX + "codec.gzip", 2, (short) 2))
        .stream().map(topic -> topic.configs(Map.of("min.insync.replicas", "1"))).toList()).all().get();
    try (var producer = producer("none", null)) { producer.send(new ProducerRecord<>(prefix + PREFIX + "codec.none", 1, bytes("theirs"), bytes("theirs"))).get(); }
  }

  // ---- what it looks like

  interface Seen { void of(ConsumerRecord<byte[], byte[]> record); }

  /** Everything that can be read committed, in order of each partition; counts. */
  static Map<TopicPartition, Integer> read(Collection<TopicPartition> all, Seen seen) {
    Map<TopicPartition, Integer> counts = new HashMap<>();
    Properties properties = new Properties();
    properties.putAll(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest",
        "enable.auto.commit", "false", "max.poll.records", "5000", "max.partition.fetch.bytes", "12000000", "fetch.max.wait.ms", "50"));
    try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      consumer.assign(all);
      consumer.seekToBeginning(all);
      for (TopicPartition each : all) counts.put(each, 0);
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue()))
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          counts.merge(new TopicPartition(record.topic(), record.partition()), 1, Integer::sum);
          seen.of(record);
        }
    }
    return counts;
  }

  static void look(String prefix) throws Exception {
    Set<String> names = admin.listTopics().names().get().stream().filter(name -> name.startsWith(prefix + PREFIX)).collect(Collectors.toCollection(TreeSet::new));
    List<TopicPartition> all = new ArrayList<>();
    List<ConfigResource> resources = names.stream().map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name)).toList();
    var configs = admin.describeConfigs(resources).all().get();
    var described = admin.describeTopics(names).allTopicNames().get();
    StringBuilder out = new StringBuilder();
    for (String name : names) {
      var partitions = described.get(name).partitions();
      for (var each : partitions) all.add(new TopicPartition(name, each.partition()));
      String overrides = configs.get(new ConfigResource(ConfigResource.Type.TOPIC, name)).entries().stream()
          .filter(entry -> entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG).sorted(Comparator.comparing(ConfigEntry::name))
          .map(entry -> string(entry.name()) + ":" + string(entry.value())).collect(Collectors.joining(","));
      line(out, "{\"is\":\"topic\",\"topic\":" + string(name) + ",\"partitions\":" + partitions.size() + ",\"replicas\":" + partitions.get(0).replicas().size() + ",\"configs\":{" + overrides + "}}");
    }
    Map<TopicPartition, Long> starts = offsets(all, OffsetSpec.earliest()), ends = ends(all);
    for (TopicPartition each : all) line(out, "{\"is\":\"partition\"," + place(each.topic(), each.partition()) + ",\"start\":" + starts.get(each) + ",\"end\":" + ends.get(each) + "}");
    read(all, record -> {
      StringBuilder headers = new StringBuilder();
      for (Header header : record.headers()) headers.append(headers.isEmpty() ? "" : ",").append("[").append(string(header.key())).append(",").append(base64(header.value())).append("]");
      line(out, "{\"is\":\"record\"," + place(record.topic(), record.partition()) + ",\"offset\":" + record.offset() + ",\"timestamp\":" + record.timestamp()
          + ",\"stamped\":" + string(record.timestampType().toString()) + ",\"key\":" + base64(record.key()) + ",\"value\":" + base64(record.value()) + ",\"headers\":[" + headers + "]}");
    });
    System.out.print(out);
  }

  static void positions() throws Exception {
    StringBuilder out = new StringBuilder();
    for (String group : admin.listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).filter(name -> name.startsWith("corpus")).sorted().toList())
      admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((at, offset) ->
          line(out, "{\"is\":\"position\",\"group\":" + string(group) + "," + place(at.topic(), at.partition()) + ",\"offset\":" + offset.offset() + ",\"metadata\":" + string(offset.metadata()) + "}"));
    System.out.print(out);
  }

  static Map<TopicPartition, Long> ends(Collection<TopicPartition> all) throws Exception {
    Map<TopicPartition, OffsetSpec> asked = all.stream().collect(Collectors.toMap(each -> each, each -> OffsetSpec.latest()));
    var answer = admin.listOffsets(asked, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get();
    return answer.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue().offset()));
  }

  static Map<TopicPartition, Long> offsets(Collection<TopicPartition> all, OffsetSpec spec) throws Exception {
    var answer = admin.listOffsets(all.stream().collect(Collectors.toMap(each -> each, each -> spec))).all().get();
    return answer.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue().offset()));
  }

  // ---- small ones

  static Properties properties(String codec, String transaction) {
    Properties properties = new Properties();
    properties.putAll(Map.of("bootstrap.servers", bootstrap, "compression.type", codec, "acks", "all", "max.request.size", "12000000",
        "linger.ms", "5", "transaction.timeout.ms", "900000", "buffer.memory", "67108864"));
    if (transaction != null) properties.put("transactional.id", transaction);
    return properties;
  }

  static KafkaProducer<byte[], byte[]> producer(String codec, String transaction) {
    return new KafkaProducer<>(properties(codec, transaction), new ByteArraySerializer(), new ByteArraySerializer());
  }

  static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, String key, String value, Long when) {
    raw(producer, topic, partition, when, bytes(key), bytes(value));
  }

  static void raw(KafkaProducer<byte[], byte[]> producer, String topic, int partition, Long when, byte[] key, byte[] value, Header... headers) {
    producer.send(new ProducerRecord<>(PREFIX + topic, partition, when, key, value, List.of(headers)), (metadata, thrown) -> {
      if (thrown == null) return;
      thrown.printStackTrace();
      Runtime.getRuntime().halt(1);
    });
  }

  static void set(String topic, Map<String, String> values) throws Exception {
    List<AlterConfigOp> ops = values.entrySet().stream().map(each -> new AlterConfigOp(new ConfigEntry(each.getKey(), each.getValue()), AlterConfigOp.OpType.SET)).toList();
    admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, PREFIX + topic), ops)).all().get();
  }

  static Map.Entry<TopicPartition, OffsetAndMetadata> at(String topic, int partition, long offset) {
    return Map.entry(new TopicPartition(PREFIX + topic, partition), new OffsetAndMetadata(offset));
  }

  @SafeVarargs
  static void commit(String group, Map.Entry<TopicPartition, OffsetAndMetadata>... offsets) throws Exception {
    commit(group, Map.ofEntries(offsets));
  }

  static void commit(String group, Map<TopicPartition, OffsetAndMetadata> offsets) throws Exception {
    admin.alterConsumerGroupOffsets(group, offsets).all().get();
  }

  static Header header(String key, String value) { return new RecordHeader(key, bytes(value)); }

  static byte[] bytes(String text) { return text == null ? null : text.getBytes(StandardCharsets.UTF_8); }

  static String text(int length) {
    StringBuilder text = new StringBuilder("{\"seen\":");
    while (text.length() < length) text.append(random.nextInt(1000)).append(",\"name\":\"value\",");
    return text.append("}").toString();
  }

  static String place(String topic, int partition) { return "\"topic\":" + string(topic) + ",\"partition\":" + partition; }

  static synchronized void line(StringBuilder out, String text) { out.append(text).append('\n'); }

  /** What is long, as its length and digest. */
  static String base64(byte[] bytes) {
    if (bytes == null) return "null";
    if (bytes.length < 2000) return "\"" + Base64.getEncoder().encodeToString(bytes) + "\"";
    try {
      return "\"" + bytes.length + ":" + Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-256").digest(bytes)) + "\"";
    } catch (Exception thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  static String string(String text) {
    if (text == null) return "null";
    StringBuilder out = new StringBuilder("\"");
    for (char each : text.toCharArray()) out.append(each == '"' || each == '\\' ? "\\" + each : each < ' ' ? String.format("\\u%04x", (int) each) : String.valueOf(each));
    return out.append('"').toString();
  }
}
