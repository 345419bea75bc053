package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.LongNetException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files damaged at random open and can be read in full, or are refused by name; nothing else happens. */
class SafetensorsFuzzTest {
    private static final int ROUNDS = 2000;
    private static final long ALLOCATED_LIMIT = 4 << 20;

    @TempDir
    Path folder;

    @Test
    void damageIsRefusedOrHarmless() throws Exception {
        byte[] valid = Files.readAllBytes(Path.of("src/test/resources/safetensors/official.safetensors"));
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        Random random = new Random(20230705);
        int opened = 0;
        for (int round = 0; round < ROUNDS; round++) {
            Path file = RawFile.write(folder, damaged(valid, random));
            long before = thread.getCurrentThreadAllocatedBytes();
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                read.entries().values().forEach(entry -> SafetensorsFileTest.bytes(read, entry));
                opened++;
            } catch (LongNetException e) {
                assertThat(e.getMessage()).contains(file.toString()).doesNotContain("\n");
            }
            assertThat(thread.getCurrentThreadAllocatedBytes() - before)
                    .as("bytes allocated in round %d", round)
                    .isLessThan(ALLOCATED_LIMIT);
        }
        // Both outcomes occur, so that neither branch is tested in name only.
        assertThat(opened).isBetween(ROUNDS / 100, ROUNDS * 99 / 100);
    }

    /** One to three flips, insertions, cuts or swapped digits anywhere in the file. */
    private static byte[] damaged(byte[] valid, Random random) {
        byte[] bytes = valid.clone();
        for (int damage = 1 + random.nextInt(3); damage > 0; damage--) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(5)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes = spliced(bytes, at, 0, randomBytes(random));
                case 2 ->
                    bytes = spliced(bytes, at, Math.min(1 + random.nextInt(9), bytes.length - at - 1), new byte[0]);
                case 3 -> bytes = Arrays.copyOf(bytes, at + 1);
                default -> replaceDigit(bytes, at, random);
            }
        }
        return bytes;
    }

    private static byte[] spliced(byte[] bytes, int at, int removed, byte[] added) {
        byte[] result = new byte[bytes.length - removed + added.length];
        System.arraycopy(bytes, 0, result, 0, at);
        System.arraycopy(added, 0, result, at, added.length);
        System.arraycopy(bytes, at + removed, result, at + added.length, bytes.length - at - removed);
        return result;
    }

    private static byte[] randomBytes(Random random) {
        if (random.nextBoolean()) {
            return "0123456789{}[],:\"-.e".substring(random.nextInt(20)).getBytes(StandardCharsets.US_ASCII);
        }
        byte[] bytes = new byte[1 + random.nextInt(9)];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Keeps the header JSON, so that the checks behind the parser are reached. */
    private static void replaceDigit(byte[] bytes, int from, Random random) {
        for (int i = from; i < bytes.length; i++) {
            if (bytes[i] >= '0' && bytes[i] <= '9') {
                bytes[i] = (byte) ('0' + random.nextInt(10));
                return;
            }
        }
    }
}
