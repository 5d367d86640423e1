/*
 * Kafka's own serializer as a witness, over the classes of whichever clients jar is on the class path.
 *
 *   errors               the Errors enum: one JSON line {name, code} each
 *   headers              header versions: one line "message version headerVersion" each
 *   generate SEED COUNT  for every stdin line "message version" COUNT random values, one JSON line
 *                        {message, version, hex, json} each; `json` is what Kafka's JsonConverter makes of the value
 *   roundtrip            for every stdin line "message version hex" the hex that Kafka writes after reading it, or
 *                        "error: …" when it does not read it or bytes are left
 *
 * A random value is drawn from Kafka's wire schema (Data.SCHEMAS), so that every field of the version, nulls, empty and
 * filled arrays, tagged and unknown tagged fields occur; it is then read and written by the generated Data class, whose
 * bytes are the ones that count. Of each COUNT values the first has everything filled and the second everything empty.
 * Runs as a single source file: java -cp JARS Oracle.java …
 */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

public final class Oracle {
    private static final HexFormat HEX = HexFormat.of();
    private static final Map<String, ApiMessageType> TYPES = new HashMap<>();

    static {
        for (ApiMessageType type : ApiMessageType.values()) {
            // The others include removed APIs that have no messages any more.
            if (!type.listeners().contains(ApiMessageType.ListenerType.BROKER)) continue;
            TYPES.put(messageName(type.newRequest()), type);
            TYPES.put(messageName(type.newResponse()), type);
        }
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        switch (args[0]) {
            case "errors" -> errors(out);
            case "headers" -> headers(out);
            case "generate" -> generate(out, Long.parseLong(args[1]), Integer.parseInt(args[2]));
            case "roundtrip" -> roundtrip(out);
            default -> throw new IllegalArgumentException(args[0]);
        }
        out.flush();
    }

    private static void errors(PrintStream out) {
        for (Errors error : Errors.values()) {
            out.println("{\"name\":\"" + error.name() + "\",\"code\":" + error.code() + "}");
        }
    }

    private static void headers(PrintStream out) throws IOException {
        for (String line : input()) {
            String[] words = line.split(" ");
            ApiMessageType type = TYPES.get(words[0]);
            short version = Short.parseShort(words[1]);
            int header = isRequest(words[0]) ? type.requestHeaderVersion(version) : type.responseHeaderVersion(version);
            out.println(line + " " + header);
        }
    }

    private static void generate(PrintStream out, long seed, int count) throws Exception {
        for (String line : input()) {
            String[] words = line.split(" ");
            short version = Short.parseShort(words[1]);
            Random random = new Random(seed ^ line.hashCode());
            for (int index = 0; index < count; index++) {
                RandomValues values = new RandomValues(random, index == 0, index == 1);
                Struct struct = values.struct(schema(words[0], version), 0);
                ByteBuffer drawn = ByteBuffer.allocate(struct.sizeOf());
                struct.writeTo(drawn);
                drawn.flip();
                ApiMessage message = read(words[0], version, drawn);
                ObjectNode node = JsonNodeFactory.instance.objectNode();
                node.put("message", words[0]);
                node.put("version", version);
                node.put("hex", HEX.formatHex(write(message, version)));
                node.set("json", json(message, version));
                out.println(node);
            }
        }
    }

    private static void roundtrip(PrintStream out) throws IOException {
        for (String line : input()) {
            String[] words = line.split(" ");
            short version = Short.parseShort(words[1]);
            byte[] bytes = words.length < 3 ? new byte[0] : HEX.parseHex(words[2]);
            try {
                out.println("hex:" + HEX.formatHex(write(read(words[0], version, ByteBuffer.wrap(bytes)), version)));
            } catch (RuntimeException error) {
                out.println("error: " + line + " " + error);
            }
        }
    }

    private static List<String> input() throws IOException {
        return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).lines().toList();
    }

    private static String messageName(ApiMessage message) {
        return message.getClass().getSimpleName().replaceFirst("Data$", "");
    }

    private static boolean isRequest(String name) {
        return name.endsWith("Request");
    }

    private static Schema schema(String name, short version) {
        ApiMessageType type = TYPES.get(name);
        return (isRequest(name) ? type.requestSchemas() : type.responseSchemas())[version];
    }

    private static ApiMessage read(String name, short version, ByteBuffer buffer) {
        ApiMessageType type = TYPES.get(name);
        ApiMessage message = isRequest(name) ? type.newRequest() : type.newResponse();
        message.read(new ByteBufferAccessor(buffer), version);
        if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes left");
        return message;
    }

    private static byte[] write(ApiMessage message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return buffer.array();
    }

    private static JsonNode json(ApiMessage message, short version) throws ReflectiveOperationException {
        Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
        return (JsonNode) converter.getMethod("write", message.getClass(), short.class).invoke(null, message, version);
    }

    /** Draws values for Kafka's wire schemas. */
    private static final class RandomValues {
        private static final String[] TEXTS = {"", "a", "topic-1", "größe", "日本語", "\uD83D\uDE80 up", "nul\0nul"};
        private static final int UNKNOWN_TAG_MIN = 50;

        private final Random random;
        private final boolean full;
        private final boolean empty;

        RandomValues(Random random, boolean full, boolean empty) {
            this.random = random;
            this.full = full;
            this.empty = empty;
        }

        private boolean chance(int oneIn) {
            return !empty && (full || random.nextInt(oneIn) == 0);
        }

        Struct struct(Schema schema, int depth) throws ReflectiveOperationException {
            // A NullableSchema's own fields are those of the schema that it wraps.
            Struct struct = new Struct(schema);
            for (BoundField field : schema.fields()) struct.set(field, value(field.def.type, depth));
            return struct;
        }

        private Object value(Type type, int depth) throws ReflectiveOperationException {
            if (type instanceof TaggedFields tagged) return tags(tagged, depth);
            if (type.isNullable() && !full && (empty || random.nextInt(3) == 0)) return null;
            if (type.isArray()) return array(type.arrayElementType().orElseThrow(), depth);
            if (type instanceof Schema schema) return struct(schema, depth);
            return scalar(((Type.DocumentedType) type).typeName());
        }

        private TreeMap<Integer, Object> tags(TaggedFields tagged, int depth) throws ReflectiveOperationException {
            TreeMap<Integer, Object> values = new TreeMap<>();
            for (Map.Entry<Integer, Field> entry : fields(tagged).entrySet()) {
                if (chance(2)) values.put(entry.getKey(), value(entry.getValue().type, depth + 1));
            }
            if (!empty && random.nextInt(depth == 0 ? 2 : 6) == 0) {
                int tag = UNKNOWN_TAG_MIN + random.nextInt(300);
                values.put(tag, new RawTaggedField(tag, bytes(5)));
            }
            return values;
        }

        /** 3.9 has no accessor for them. */
        @SuppressWarnings("unchecked")
        private static Map<Integer, Field> fields(TaggedFields tagged) throws ReflectiveOperationException {
            java.lang.reflect.Field fields = TaggedFields.class.getDeclaredField("fields");
            fields.setAccessible(true);
            return (Map<Integer, Field>) fields.get(tagged);
        }

        private Object[] array(Type element, int depth) throws ReflectiveOperationException {
            int most = depth < 2 ? 3 : 2;
            int length = empty ? 0 : full ? 1 + random.nextInt(depth < 1 ? 2 : 1) : random.nextInt(most + 1 - Math.min(depth, 1));
            Object[] elements = new Object[length];
            for (int index = 0; index < length; index++) elements[index] = value(element, depth + 1);
            return elements;
        }

        private byte[] bytes(int below) {
            byte[] bytes = new byte[empty ? 0 : random.nextInt(below)];
            random.nextBytes(bytes);
            return bytes;
        }

        private String text() {
            if (empty) return "";
            // Over 127 bytes a compact length takes two bytes.
            return random.nextInt(40) == 0 ? "x".repeat(130) : TEXTS[random.nextInt(TEXTS.length)];
        }

        private long integer(long min, long max) {
            if (empty) return 0;
            return switch (random.nextInt(6)) {
                case 0 -> min;
                case 1 -> max;
                case 2 -> Math.max(min, -1);
                case 3 -> 0;
                case 4 -> 1 + random.nextInt(100);
                default -> min == Long.MIN_VALUE ? random.nextLong() : min + (long) (random.nextDouble() * (max - min));
            };
        }

        private Object scalar(String typeName) throws ReflectiveOperationException {
            return switch (typeName.replaceAll("COMPACT_|NULLABLE_", "")) {
                case "BOOLEAN" -> !empty && random.nextBoolean();
                case "INT8" -> (byte) integer(Byte.MIN_VALUE, Byte.MAX_VALUE);
                case "INT16" -> (short) integer(Short.MIN_VALUE, Short.MAX_VALUE);
                case "UINT16" -> (int) integer(0, 0xffff);
                case "INT32" -> (int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE);
                case "UINT32" -> integer(0, 0xffffffffL);
                case "INT64" -> integer(Long.MIN_VALUE, Long.MAX_VALUE);
                case "FLOAT64" -> empty ? 0.0 : random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20);
                case "UUID" -> empty ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
                case "STRING" -> text();
                case "BYTES" -> ByteBuffer.wrap(bytes(20));
                case "RECORDS" -> records(bytes(40));
                default -> throw new IllegalArgumentException(typeName);
            };
        }

        /** Kafka's MemoryRecords has moved between packages. */
        private static Object records(byte[] bytes) throws ReflectiveOperationException {
            Class<?> type;
            try {
                type = Class.forName("org.apache.kafka.common.record.internal.MemoryRecords");
            } catch (ClassNotFoundException older) {
                type = Class.forName("org.apache.kafka.common.record.MemoryRecords");
            }
            return type.getMethod("readableRecords", ByteBuffer.class).invoke(null, ByteBuffer.wrap(bytes));
        }
    }
}
