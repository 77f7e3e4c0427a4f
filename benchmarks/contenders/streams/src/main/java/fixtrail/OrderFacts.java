package fixtrail;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with simple rules: one order's state in RocksDB with a changelog, one fact an event.
 *
 * <p>The records' key is the vehicle, so an order's events are in one partition already and nothing is repartitioned.
 */
public final class OrderFacts {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String STORE = "orders";

  private OrderFacts() {}

  /** Runs until SIGTERM. */
  public static void main(String[] arguments) {
    Map<String, String> task = new HashMap<>();
    for (int index = 0; index + 1 < arguments.length; index += 2) {
      task.put(arguments[index].substring(2), arguments[index + 1]);
    }
    KafkaStreams streams = new KafkaStreams(topology(task.get("source"), task.get("output")), settings(task));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
  }

  private static Properties settings(Map<String, String> task) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, task.get("group"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, task.get("kafka"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, task.get("data") + "/state");
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, task.get("commit-ms"));
    settings.put("auto.offset.reset", "earliest");
    return settings;
  }

  private static Topology topology(String source, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(source, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .process(new OrderProcessorSupplier())
        .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    return builder.build();
  }

  private static final class OrderProcessorSupplier implements ProcessorSupplier<byte[], byte[], byte[], byte[]> {
    @Override
    public Processor<byte[], byte[], byte[], byte[]> get() {
      return new OrderProcessor();
    }

    @Override
    public Set<StoreBuilder<?>> stores() {
      return Set.of(
          Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), stateSerde())
              .withCachingEnabled());
    }
  }

  private static final class OrderProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<String, OrderState> orders;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      this.orders = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      JsonNode event = parsed(record.value());
      if (event == null || !event.hasNonNull("event_id")) {
        return;
      }
      String center = event.get("center_id").textValue();
      String order = event.get("order_id").textValue();
      String vehicle = event.get("vehicle_id").textValue();
      long at = OffsetDateTime.parse(event.get("occurred_at").textValue()).toInstant().toEpochMilli();
      byte[] key = bytes(List.of(center, order, vehicle));
      String storeKey = new String(key, StandardCharsets.UTF_8);
      OrderState state = orders.get(storeKey);
      state = state == null ? new OrderState() : state;
      if (state.add(event.get("event_id").textValue(), event.get("type").textValue(), at)) {
        orders.put(storeKey, state);
        context.forward(record.withKey(key).withValue(bytes(state.fact(center, order, vehicle))));
      }
    }
  }

  /** The event's JSON; null where it is none. */
  private static JsonNode parsed(byte[] value) {
    try {
      return value == null ? null : JSON.readTree(value);
    } catch (IOException error) {
      return null;
    }
  }

  private static byte[] bytes(Object value) {
    try {
      return JSON.writeValueAsBytes(value);
    } catch (JsonProcessingException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static Serde<OrderState> stateSerde() {
    return Serdes.serdeFrom(
        (topic, state) -> state == null ? null : bytes(state),
        (topic, value) -> {
          try {
            return value == null ? null : JSON.readValue(value, OrderState.class);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }
}
