import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/** One run of the program: its configuration, its counters, its voice on stdout. */
final class Run {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double LATENCY_LEAST_MS = 0.01;
    private static final double LATENCY_GROWTH = 1.05;
    private static final PrintStream OUT = System.out;

    final String mode;
    final JsonNode config;
    final String name;
    final int connections;
    final int recordBytes;
    final Records.Checker checker;
    final AtomicLong sent = new AtomicLong();
    final AtomicLong acked = new AtomicLong();
    final AtomicLong bytes = new AtomicLong();
    final AtomicLong errors = new AtomicLong();
    final AtomicLong timeouts = new AtomicLong();
    final AtomicLong disconnects = new AtomicLong();
    final AtomicLong rebalances = new AtomicLong();
    final AtomicLong received = new AtomicLong();
    final AtomicLong receivedBytes = new AtomicLong();
    final AtomicLong lost = new AtomicLong(-1);
    volatile boolean stopAsked;
    private final AtomicLongArray latencies = new AtomicLongArray(600);
    private final long startedNanos = System.nanoTime();

    Run(String mode, String configText) throws Exception {
        this.mode = mode;
        this.config = JSON.readTree(configText);
        this.connections = config.path("connections").asInt(1);
        this.recordBytes = config.path("recordBytes").asInt(1024);
        String given = text("run", null);
        this.name = given != null ? given : Long.toString(System.nanoTime(), 36);
        this.checker = new Records.Checker(given != null ? given : mode.equals("roundtrip") ? name : null);
    }

    String text(String field, String otherwise) {
        return config.path(field).asText(otherwise);
    }

    /** Where the record that was counted last goes: with a second topic, every other one there. */
    String nextTopic() {
        return has("otherTopic") && sent.get() % 2 == 0 ? text("otherTopic", null) : text("topic", null);
    }

    boolean has(String field) {
        return config.has(field);
    }

    double elapsedSeconds() {
        return (System.nanoTime() - startedNanos) / 1e9;
    }

    /** True when it is time to go, by the clock or by request. */
    boolean over() {
        return stopAsked || (has("seconds") && elapsedSeconds() >= config.get("seconds").asDouble());
    }

    boolean drains() {
        return has("count") || config.path("drain").asBoolean(false);
    }

    long share(int instance) {
        if (!has("count")) return Long.MAX_VALUE;
        long count = config.get("count").asLong();
        return count / connections + (instance < count % connections ? 1 : 0);
    }

    boolean consumedEnough() {
        long readers = has("group") || !mode.equals("consume") ? 1 : connections;
        return over() || (has("count") && checker.distinct() >= config.get("count").asLong() * readers);
    }

    /** Waits until the bytes sent so far are due at the configured rate. */
    void pace() throws InterruptedException {
        if (!has("bytesPerSecond")) return;
        double bytesPerSecond = config.get("bytesPerSecond").asDouble();
        while (!over()) {
            double aheadMs = (sent.get() * (double) recordBytes / bytesPerSecond - elapsedSeconds()) * 1000;
            if (aheadMs < 1) return;
            Thread.sleep((long) Math.min(aheadMs, 50));
        }
    }

    void latency(double ms) {
        int bucket = (int) Math.round(Math.log(Math.max(ms, LATENCY_LEAST_MS) / LATENCY_LEAST_MS) / Math.log(LATENCY_GROWTH));
        latencies.incrementAndGet(Math.min(bucket, latencies.length() - 1));
    }

    private double percentile(double share) {
        long total = 0;
        for (int i = 0; i < latencies.length(); i++) total += latencies.get(i);
        double left = total * share;
        for (int i = 0; total > 0 && i < latencies.length(); i++) {
            left -= latencies.get(i);
            if (left <= 0) return Math.round(LATENCY_LEAST_MS * Math.pow(LATENCY_GROWTH, i) * 100) / 100.0;
        }
        return 0;
    }

    void event(String kind, String text) {
        if (kind.equals("error")) errors.incrementAndGet();
        if (kind.equals("timeout")) timeouts.incrementAndGet();
        if (kind.equals("disconnect")) disconnects.incrementAndGet();
        print(JSON.createObjectNode().put("t", "event").put("kind", kind).put("text", text));
    }

    void printCounts(String type) {
        ObjectNode counts = JSON.createObjectNode().put("t", type);
        counts.put("seconds", Math.round(elapsedSeconds() * 1000) / 1000.0);
        counts.put("sent", sent.get()).put("acked", acked.get()).put("bytes", bytes.get());
        counts.put("errors", errors.get()).put("timeouts", timeouts.get()).put("disconnects", disconnects.get());
        counts.put("rebalances", rebalances.get()).put("p50Ms", percentile(0.5)).put("p99Ms", percentile(0.99));
        counts.put("received", received.get()).put("receivedBytes", receivedBytes.get());
        counts.put("duplicates", checker.duplicates()).put("outOfOrder", checker.outOfOrder());
        counts.put("corrupt", checker.corrupt()).put("lost", lost.get() >= 0 ? lost.get() : checker.gaps());
        print(counts);
    }

    static void printError(String message) {
        print(JSON.createObjectNode().put("t", "error").put("message", message));
    }

    private static synchronized void print(ObjectNode message) {
        OUT.println(message);
        OUT.flush();
    }

    /** What producers and consumers have in common, then `overrides` in the library's own words. */
    Properties properties(String overrides) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", text("bootstrap", ""));
        if (has("clientId")) properties.put("client.id", text("clientId", ""));
        JsonNode sasl = config.get("sasl");
        if (sasl != null) {
            String mechanism = sasl.get("mechanism").asText();
            String module = mechanism.equals("PLAIN")
                ? "org.apache.kafka.common.security.plain.PlainLoginModule"
                : "org.apache.kafka.common.security.scram.ScramLoginModule";
            properties.put("security.protocol", "SASL_PLAINTEXT");
            properties.put("sasl.mechanism", mechanism);
            properties.put("sasl.jaas.config", module + " required username=\"" + sasl.get("username").asText()
                + "\" password=\"" + sasl.get("password").asText() + "\";");
        }
        config.path(overrides).properties().forEach(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }
}
