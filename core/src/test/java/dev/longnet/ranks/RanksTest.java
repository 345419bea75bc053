package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.ranks.Jvms.Rank;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that are processes of this machine exchange what the interface promises. */
class RanksTest {
    private static final int EXCHANGES = 300;
    private static final long MOST_KIB = 8 << 10;

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void exchangeEverything(int size) throws Exception {
        Jvms.runAll(size, RanksTest.class, "exchanges");
    }

    static void exchanges(Ranks ranks) {
        RankGroup world = ranks.world();
        int rank = world.rank(), size = world.size();
        Device device = RankMain.device(ranks.place());
        assertThat(ranks.place().rank()).isEqualTo(rank);
        new Exchanges(world, device).check();

        // The first is alone, the others are together; then the other way round.
        RankGroup upper = ranks.split(rank == 0 ? 7 : -7), lower = ranks.split(rank == size - 1 ? 1 : 0);
        assertThat(upper.size()).isEqualTo(rank == 0 ? 1 : size - 1);
        assertThat(upper.rank()).isEqualTo(rank == 0 ? 0 : rank - 1);
        assertThat(lower.size()).isEqualTo(rank == size - 1 ? 1 : size - 1);
        assertThat(lower.rank()).isEqualTo(rank == size - 1 ? 0 : rank);
        for (RankGroup group : new RankGroup[] {upper, lower, world}) {
            assertThat(group.allGather(rank)[group.rank()]).containsExactly(rank);
        }
        if (rank < size - 1) {
            new Exchanges(lower, device).check();
        }
        memoryStaysFlat(world, device);
    }

    /** Memory of the process after hundreds of exchanges is what it was after the first. */
    private static void memoryStaysFlat(RankGroup group, Device device) {
        TensorOptions options = Tensors.options(ScalarType.BFloat16, device);
        long before = 0;
        for (int i = 0; i < EXCHANGES; i++) {
            if (i == EXCHANGES / 3) {
                before = residentKib();
            }
            try (Scope scope = new Scope()) {
                int size = group.size();
                long n = 50_021;
                Tensor part = Tensors.full(1, options, n), whole = Tensors.full(1, options, n * size);
                long[] rows = new long[size];
                Arrays.fill(rows, n);
                group.allToAll(Tensors.empty(options, n * size), whole, rows, rows)
                        .await();
                group.reduceScatter(part, whole).await();
                group.allGather(whole, part).await();
                group.allReduce(whole).await();
                group.broadcast(part, 0).await();
                group.allGather(i);
                group.barrier();
            }
        }
        assertThat(residentKib() - before).isLessThan(MOST_KIB);
    }

    private static long residentKib() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("RssAnon"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void nothing(Ranks ranks) {
        ranks.world().barrier();
    }

    /** Processes that find no unpacked natives and start at once do not break each other. */
    @Test
    void aColdStart() throws Exception {
        Path cache = Files.createTempDirectory(
                Files.createDirectories(Path.of("target")).toAbsolutePath(), "natives");
        int size = 4;
        try (Jvms jvms = Jvms.start(size, RanksTest.class, "nothing", "-Dorg.bytedeco.javacpp.cachedir=" + cache)) {
            for (int i = 0; i < size; i++) {
                Rank rank = jvms.get(i).join();
                assertThat(rank.exit()).as("%s", rank).isZero();
            }
            assertThat(cache.resolve("longnet.lock")).exists();
        } finally {
            delete(cache);
        }
    }

    private static void delete(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) throws IOException {
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    @Test
    void oneRankIsAlone() {
        assertThat(Ranks.<Integer>run(
                        RankPlace.ALONE,
                        Tensors.cpu(),
                        RankLimits.DEFAULT,
                        ranks -> ranks.world().size()))
                .isEqualTo(1);
        try (Ranks ranks = Ranks.alone()) {
            assertThat(ranks.split(3)).isSameAs(RankGroup.ALONE);
        }
    }
}
