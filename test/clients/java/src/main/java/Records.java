import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32;

/** The records that every client program makes and checks; contract.ts describes them. */
final class Records {
    private static final int POOL_BYTES = 1 << 20;

    private Records() {}

    /** The records of one instance in one run, in order. */
    static final class Source {
        private final String run;
        private final int instance;
        private final int recordBytes;
        private final byte[] pool;
        private long next;

        Source(String run, int instance, int recordBytes) {
            this.run = run;
            this.instance = instance;
            this.recordBytes = recordBytes;
            this.pool = new byte[Math.max(POOL_BYTES, recordBytes * 2)];
            int state = 0x9e3779b9;
            for (int i = 0; i < pool.length; i++) {
                state = state * 1664525 + 1013904223;
                pool[i] = (byte) (state >>> 24);
            }
        }

        byte[] next() {
            long sequence = next++;
            String prefix = run + " " + instance + " " + sequence + " ";
            int fillerBytes = Math.max(0, recordBytes - prefix.length() - 9);
            int from = (int) ((sequence * 7919) % (pool.length - fillerBytes));
            CRC32 crc = new CRC32();
            crc.update(pool, from, fillerBytes);
            byte[] header = (prefix + String.format("%08x ", crc.getValue())).getBytes(StandardCharsets.ISO_8859_1);
            byte[] value = new byte[header.length + fillerBytes];
            System.arraycopy(header, 0, value, 0, header.length);
            System.arraycopy(pool, from, value, header.length, fillerBytes);
            return value;
        }
    }

    /** Looks at every record received: whole, new, in order? Safe for several consuming threads. */
    static final class Checker {
        private final String onlyRun;
        private final Map<String, BitSet> seen = new HashMap<>();
        private final Map<String, Long> lastInPartition = new HashMap<>();
        private long distinct;
        private long duplicates;
        private long outOfOrder;
        private long corrupt;

        Checker(String onlyRun) {
            this.onlyRun = onlyRun;
        }

        synchronized void check(int reader, int partition, byte[] value) {
            int[] ends = new int[4];
            int found = 0;
            for (int i = 0; i < Math.min(value.length, 120) && found < 4; i++) if (value[i] == ' ') ends[found++] = i;
            if (found < 4) {
                corrupt++;
                return;
            }
            String[] header = new String(value, 0, ends[3], StandardCharsets.ISO_8859_1).split(" ");
            if (onlyRun != null && !onlyRun.equals(header[0])) return;
            CRC32 crc = new CRC32();
            crc.update(value, ends[3] + 1, value.length - ends[3] - 1);
            if (crc.getValue() != Long.parseLong(header[3], 16)) corrupt++;
            place(reader + " " + header[0] + " " + header[1], partition, Integer.parseInt(header[2]));
        }

        private void place(String source, int partition, int sequence) {
            BitSet seenHere = seen.computeIfAbsent(source, ignored -> new BitSet());
            if (seenHere.get(sequence)) {
                duplicates++;
                return;
            }
            seenHere.set(sequence);
            distinct++;
            String lane = source + " " + partition;
            if (sequence < lastInPartition.getOrDefault(lane, -1L)) outOfOrder++;
            else lastInPartition.put(lane, (long) sequence);
        }

        synchronized long distinct() {
            return distinct;
        }

        synchronized long duplicates() {
            return duplicates;
        }

        synchronized long outOfOrder() {
            return outOfOrder;
        }

        synchronized long corrupt() {
            return corrupt;
        }

        /** Sequence numbers below the highest seen that did not come. */
        synchronized long gaps() {
            return seen.values().stream().mapToLong(seenHere -> seenHere.length() - seenHere.cardinality()).sum();
        }
    }
}
