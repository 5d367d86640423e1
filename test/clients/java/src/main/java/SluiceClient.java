import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The client program over Kafka's own Java client; test/clients/contract.ts says what it does. */
public final class SluiceClient {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final int TRANSACTION_RECORDS = 100;

    private SluiceClient() {}

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        boolean fromStdin = arguments.length < 2;
        Run run = new Run(arguments[0], fromStdin ? in.readLine() : arguments[1]);
        watchLog(run);
        if (fromStdin) background(() -> {
            in.readLine();
            run.stopAsked = true;
            return null;
        });
        background(() -> {
            while (true) {
                Thread.sleep(1000);
                run.printCounts("progress");
            }
        });
        try {
            runMode(run);
            run.printCounts("result");
            Runtime.getRuntime().halt(0);
        } catch (Throwable error) {
            StringWriter stack = new StringWriter();
            error.printStackTrace(new PrintWriter(stack));
            Run.printError(stack.toString());
            Runtime.getRuntime().halt(1);
        }
    }

    private static void runMode(Run run) throws Exception {
        switch (run.mode) {
            case "produce" -> each(run, instance -> produce(run, instance));
            case "consume" -> each(run, instance -> consume(run, instance));
            case "roundtrip" -> {
                each(run, instance -> produce(run, instance));
                consume(run, 0);
                run.lost.set(run.config.get("count").asLong() - run.checker.distinct());
            }
            default -> throw new IllegalArgumentException("unknown mode " + run.mode);
        }
    }

    private static void produce(Run run, int instance) throws Exception {
        Properties properties = run.properties("producer");
        if (run.has("acks")) properties.putIfAbsent("acks", run.text("acks", ""));
        if (run.has("idempotent")) properties.putIfAbsent("enable.idempotence", run.text("idempotent", ""));
        if (run.has("compression")) properties.putIfAbsent("compression.type", run.text("compression", ""));
        if (run.has("transactionalId")) properties.put("transactional.id", run.text("transactionalId", "") + "-" + instance);
        int inTransaction =
            run.has("transactionalId") ? run.config.path("transactionRecords").asInt(TRANSACTION_RECORDS) : 0;
        Semaphore room = new Semaphore(run.config.path("maxPending").asInt(Integer.MAX_VALUE));
        Records.Source source = new Records.Source(run.name, instance, run.recordBytes);
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        if (inTransaction > 0) producer.initTransactions();
        // send() blocks while the buffer is full; a flood that is to end by the clock leaves from another thread.
        boolean[] left = {false};
        Future<?> sending = background(() -> {
            long sent = 0;
            for (; sent < run.share(instance) && !run.over(); sent++) {
                if (inTransaction > 0 && sent % inTransaction == 0) {
                    if (sent > 0) producer.commitTransaction();
                    producer.beginTransaction();
                }
                send(run, producer, source.next(), room, left);
                run.pace();
            }
            if (inTransaction > 0 && sent > 0) producer.commitTransaction();
            return null;
        });
        while (!sending.isDone() && (run.drains() || !run.over())) Thread.sleep(5);
        if (run.drains()) {
            sending.get();
            producer.flush();
        }
        left[0] = true;
        if (sending.isDone()) sending.get();
        producer.close(run.drains() ? Duration.ofMinutes(3) : Duration.ZERO);
    }

    private static void send(
        Run run, KafkaProducer<byte[], byte[]> producer, byte[] value, Semaphore room, boolean[] left) throws Exception {
        room.acquire();
        long sentNanos = System.nanoTime();
        run.sent.incrementAndGet();
        try {
            producer.send(new ProducerRecord<>(run.nextTopic(), value), (metadata, error) -> {
                room.release();
                if (error == null) {
                    run.acked.incrementAndGet();
                    run.bytes.addAndGet(value.length);
                    run.latency((System.nanoTime() - sentNanos) / 1e6);
                } else if (!left[0]) {
                    failed(run, error);
                }
            });
        } catch (RuntimeException error) {
            if (!left[0]) throw error;
        }
    }

    private static void failed(Run run, Exception error) {
        if (error instanceof TimeoutException) run.timeouts.incrementAndGet();
        run.event("error", error.toString());
    }

    private static void consume(Run run, int instance) {
        Properties properties = run.properties("consumer");
        properties.putIfAbsent("auto.offset.reset", "earliest");
        if (run.has("group")) properties.putIfAbsent("group.id", run.text("group", ""));
        String topic = run.text("topic", null);
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            if (run.has("group")) consumer.subscribe(List.of(topic), new Watcher(run, instance));
            else consumer.assign(consumer.partitionsFor(topic).stream()
                .map(partition -> new TopicPartition(topic, partition.partition()))
                .toList());
            while (!run.consumedEnough()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    run.received.incrementAndGet();
                    run.receivedBytes.addAndGet(record.value().length);
                    run.checker.check(run.has("group") ? 0 : instance, record.partition(), record.value());
                }
            }
        }
    }

    /** Tells of every turn of the group. */
    private static final class Watcher implements ConsumerRebalanceListener {
        private final Run run;
        private final int instance;
        private boolean assignedBefore;

        Watcher(Run run, int instance) {
            this.run = run;
            this.instance = instance;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            if (assignedBefore) run.rebalances.incrementAndGet();
            assignedBefore = true;
            run.event("assigned", instance + ": " + partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            run.event("revoked", instance + ": " + partitions);
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            run.event("revoked", instance + ": lost " + partitions);
        }
    }

    /** The client tells of broken connections and of requests given up only in its log, which goes to stderr. */
    private static void watchLog(Run run) {
        PrintStream stderr = System.err;
        System.setErr(new PrintStream(OutputStream.nullOutputStream(), true) {
            @Override
            public void println(String line) {
                if (line.contains("request timeout") || line.contains("connection setup timeout")) run.event("timeout", line);
                else if (line.contains("disconnected.") || line.contains("could not be established")) run.event("disconnect", line);
                if (!line.contains(" INFO ")) stderr.println(line);
            }
        });
    }

    private static void each(Run run, Instance work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(run.connections);
        List<Future<?>> all = IntStream.range(0, run.connections).<Future<?>>mapToObj(instance -> threads.submit(() -> {
            work.run(instance);
            return null;
        })).toList();
        for (Future<?> one : all) one.get();
        threads.shutdown();
    }

    private static Future<?> background(Callable<?> work) {
        return Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
        }).submit(work);
    }

    private interface Instance {
        void run(int instance) throws Exception;
    }
}
