import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaFuture;

/**
 * Kafka's own Admin client, which creates many topics in one call: CreateTopics BOOTSTRAP CLIENT_ID PREFIX COUNT. A line for each topic when it
 * is there, with the milliseconds since the call; a topic that fails ends the process with its error.
 */
public final class CreateTopics {
    private CreateTopics() {}

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings =
            new TreeMap<>(Map.of("bootstrap.servers", arguments[0], "client.id", arguments[1]));
        List<NewTopic> topics = IntStream.range(0, Integer.parseInt(arguments[3]))
            .mapToObj(i -> new NewTopic(arguments[2] + i, 1, (short) 1))
            .toList();
        try (Admin admin = Admin.create(settings)) {
            long startedNanos = System.nanoTime();
            Map<String, KafkaFuture<Void>> created = admin.createTopics(topics).values();
            CompletableFuture.allOf(created.entrySet().stream()
                .map(entry -> entry.getValue().toCompletionStage().toCompletableFuture().thenRun(() ->
                    System.out.println(entry.getKey() + " " + (System.nanoTime() - startedNanos) / 1_000_000)))
                .toArray(CompletableFuture[]::new)).get();
        }
    }
}
