package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.LongNetException;
import dev.longnet.ranks.Jvms.Rank;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.KeyStore;
import dev.longnet.tensor.ProcessGroup;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When one rank ends, for whatever reason, all others end within seconds with one message that names it. */
class EndingTest {
    private static final int SIZE = 3;
    private static final long SECONDS = 10;
    private static final String GONE =
            " is gone: its process was killed or has crashed, or its machine is lost; see its log";

    /** Starts the ranks and waits until all have met. */
    private static Jvms ready(String method) throws Exception {
        Jvms jvms = Jvms.start(SIZE, EndingTest.class, method);
        for (int i = 0; i < SIZE; i++) {
            jvms.get(i).awaitLine("ready");
        }
        return jvms;
    }

    private static void ready(Ranks ranks) {
        ranks.world().barrier();
        System.out.println("\nready"); // on a line of its own, whatever libtorch prints
    }

    /** Expects that all but one rank end in time, with this message alone. */
    private static void expectOthersEnd(Jvms jvms, int but, String message) throws Exception {
        long start = System.nanoTime();
        for (int i = 0; i < SIZE; i++) {
            if (i != but) {
                Rank rank = jvms.get(i).join();
                assertThat(rank.err()).isEqualTo(message);
                assertThat(rank.exit()).isEqualTo(1);
            }
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(SECONDS));
    }

    static void exchangeForever(Ranks ranks) {
        Device device = RankMain.device(ranks.place());
        Tensor tensor = Tensors.full(1, Tensors.options(ScalarType.Float, device), 100_001);
        ready(ranks);
        while (true) {
            ranks.world().allReduce(tensor).await();
            Compute.synchronize(device);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void killed(int which) throws Exception {
        try (Jvms jvms = ready("exchangeForever")) {
            jvms.get(which).signal("KILL");
            expectOthersEnd(jvms, which, "rank " + which + " on host " + (char) ('a' + which) + GONE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void stopped(int which) throws Exception {
        try (Jvms jvms = ready("exchangeForever")) {
            jvms.get(which).signal("STOP");
            String message =
                    "rank " + which + " on host " + (char) ('a' + which) + " has given no sign of life for 5 s: its"
                            + " process is stopped, or its machine or network is lost";
            expectOthersEnd(jvms, which, message);
            jvms.get(which).signal("CONT");
            assertThat(jvms.get(which).join().exit()).isEqualTo(1);
        }
    }

    static void oneThrows(Ranks ranks) {
        ready(ranks);
        if (ranks.place().rank() == 1) {
            throw new IllegalStateException("the tooth is broken\nin two");
        }
        ranks.world().barrier();
    }

    @Test
    void throwing() throws Exception {
        try (Jvms jvms = ready("oneThrows")) {
            expectOthersEnd(jvms, 1, "rank 1 on host b: IllegalStateException: the tooth is broken");
            assertThat(jvms.get(1).join().err()).isEqualTo("the tooth is broken\nin two");
        }
    }

    static void oneExits(Ranks ranks) {
        ready(ranks);
        if (ranks.place().rank() == 1) {
            System.exit(3);
        }
        ranks.world().barrier();
    }

    @Test
    void exiting() throws Exception {
        try (Jvms jvms = ready("oneExits")) {
            expectOthersEnd(
                    jvms, 1, "rank 1 on host b was told to stop, by a signal or System.exit, before its work was done");
            assertThat(jvms.get(1).join().exit()).isEqualTo(3);
        }
    }

    /** Works until one rank is asked to stop, and has something left to do then. */
    static void stopInOrder(Ranks ranks) {
        AtomicBoolean asked = new AtomicBoolean();
        try (Interruption interruption = new Interruption(() -> asked.set(true))) {
            ready(ranks);
            boolean stops = false;
            while (!stops) {
                for (long[] rank : ranks.world().allGather(asked.get() ? 1 : 0)) {
                    stops |= rank[0] == 1;
                }
            }
            assertThat(interruption.came()).isEqualTo(asked.get());
        }
        ranks.world().barrier();
        System.out.println("\nsaved");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void toldToStopAndEndingInOrder(int which) throws Exception {
        try (Jvms jvms = ready("stopInOrder")) {
            jvms.get(which).signal("TERM");
            for (int i = 0; i < SIZE; i++) {
                Rank rank = jvms.get(i).join();
                assertThat(rank.exit()).as("%s", rank).isEqualTo(i == which ? 143 : 0);
                assertThat(rank.out()).endsWith("\nsaved");
                assertThat(rank.err()).isEmpty();
            }
        }
    }

    /** Ranks 0 and 2 wait in native code for a process that does not exist. */
    static void othersAreStuck(Ranks ranks) {
        ready(ranks);
        if (ranks.place().rank() == 1) {
            throw new IllegalStateException("enough");
        }
        Duration limit = Duration.ofMinutes(2);
        ProcessGroup.gloo(KeyStore.serve(limit), "nobody", 0, 2, "127.0.0.1", limit);
    }

    @Test
    void stuckInNativeCode() throws Exception {
        try (Jvms jvms = ready("othersAreStuck")) {
            expectOthersEnd(jvms, 1, "rank 1 on host b: IllegalStateException: enough");
        }
    }

    static void oneDiesBeforeItConnects(RankPlace place) {
        RankLimits limits = RankLimits.DEFAULT;
        if (place.rank() == 1) {
            new Meeting(place, limits, new Watch(place, limits.silence())).join();
            Runtime.getRuntime().halt(9);
        }
        Ranks.run(place, Tensors.cpu(), limits, ranks -> null);
    }

    @Test
    void killedBetweenMeetingAndConnecting() throws Exception {
        try (Jvms jvms = Jvms.start(SIZE, EndingTest.class, "oneDiesBeforeItConnects")) {
            assertThat(jvms.get(1).join().exit()).isEqualTo(9);
            expectOthersEnd(jvms, 1, "rank 1 on host b" + GONE);
        }
    }

    static void nothing(Ranks ranks) {}

    @Test
    void absent() throws Exception {
        int port = Jvms.freePort(), nowhere = Jvms.freePort();
        try (Jvms jvms = new Jvms()) {
            for (int i = 0; i < 2; i++) {
                Map<String, String> variables = Jvms.variables(i, SIZE, port);
                variables.put("LONGNET_MEETING_SECONDS", "10");
                jvms.start(variables, EndingTest.class, "nothing");
            }
            Map<String, String> variables = Jvms.variables(2, SIZE, nowhere);
            variables.put("LONGNET_MEETING_SECONDS", "2");
            Rank alone = jvms.start(variables, EndingTest.class, "nothing");
            assertThat(alone.join().err())
                    .startsWith("rank 2 on host c did not reach rank 0 at localhost:" + nowhere + " within 2 s (")
                    .contains("MASTER_ADDR");
            for (int i = 0; i < 2; i++) {
                Rank rank = jvms.get(i).join();
                assertThat(rank.exit()).isEqualTo(1);
                assertThat(rank.err())
                        .startsWith("rank 2 of 3 did not come to localhost:" + port + " within 10 s")
                        .contains("LONGNET_MEETING_SECONDS");
            }
        }
    }

    /** Each rank is done later than the one before, and longer after it than silence may be. */
    static void oneAfterTheOther(RankPlace place) {
        RankLimits limits = new RankLimits(Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ofSeconds(1));
        for (int turn = 0; turn < 2; turn++) {
            int wait = turn == 0 ? place.rank() : SIZE - 1 - place.rank();
            Ranks.run(place, Tensors.cpu(), limits, ranks -> {
                sleep(wait * 1300);
                return null;
            });
        }
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void doneIsNotDead() throws Exception {
        Jvms.runAll(SIZE, EndingTest.class, "oneAfterTheOther");
    }

    /** What each rank does in a meeting of its own, so that all ranks throw the same. */
    private interface Mistake {
        void make(RankGroup group, Tensor tensor);
    }

    static void mistakes(RankPlace place) {
        long[] none = new long[SIZE];
        Mistake[] mistakes = {
            (group, tensor) -> { // kind
                if (group.rank() == 1) {
                    group.barrier();
                } else {
                    group.allReduce(tensor);
                }
            },
            (group, tensor) -> group.allReduce(tensor.narrow(0, 0, group.rank() == 2 ? 4 : 5)), // size
            (group, tensor) -> // type
            group.broadcast(group.rank() == 0 ? tensor.to(ScalarType.Double) : tensor, 1),
            (group, tensor) -> group.broadcast(tensor, group.rank() == 0 ? 1 : 0), // root
            (group, tensor) -> { // rows
                long[] out = none.clone(), in = none.clone();
                if (group.rank() == 0) {
                    out[2] = 4;
                } else if (group.rank() == 2) {
                    in[0] = 5;
                }
                int mine = group.rank() == 0 ? 4 : 0, given = group.rank() == 2 ? 5 : 0;
                group.allToAll(tensor.narrow(0, 0, mine), tensor.narrow(0, 0, given), out, in);
            },
            (group, tensor) -> group.allGather(new long[group.rank() == 1 ? 2 : 1]), // Java numbers
            (group, tensor) -> { // too late for an exchange, but not for a barrier
                sleep(group.rank() == 1 ? 1500 : 0);
                group.barrier();
                sleep(group.rank() == 1 ? 2500 : 0);
                group.allReduce(tensor).await();
            },
        };
        for (int i = 0; i < mistakes.length; i++) {
            Mistake mistake = mistakes[i];
            RankPlace again = new RankPlace(
                    place.rank(),
                    place.size(),
                    place.localRank(),
                    place.localSize(),
                    place.host(),
                    place.masterAddress(),
                    place.masterPort(),
                    "attempt " + i);
            try (Scope scope = new Scope()) {
                Tensor tensor = Tensors.full(1, Tensors.options(ScalarType.Float, Tensors.cpu()), 5);
                Duration collective = Duration.ofSeconds(i < mistakes.length - 1 ? 60 : 1);
                RankLimits limits = new RankLimits(Duration.ofMinutes(1), collective, Duration.ofSeconds(5));
                Ranks.run(again, Tensors.cpu(), limits, ranks -> {
                    mistake.make(ranks.world(), tensor);
                    return null;
                });
                System.out.println("\nno mistake " + i);
            } catch (LongNetException e) {
                System.out.println("\nmistake: " + e.getMessage());
            }
        }
    }

    @Test
    void mistakesAreNamedOnAllRanksAlike() throws Exception {
        Set<String> late = new TreeSet<>();
        String all = "; all ranks of a group make the same calls in the same order, with tensors that fit";
        String same = "mistake: the ranks do not call the same (";
        for (Rank rank : Jvms.runAll(SIZE, EndingTest.class, "mistakes")) {
            List<String> lines =
                    rank.out().lines().filter(line -> line.contains("mistake")).toList();
            late.add(lines.get(lines.size() - 1));
            assertThat(lines.subList(0, lines.size() - 1))
                    .containsExactly(
                            same
                                    + "rank 0 on host a, rank 2 on host c: allReduce of 5 float32 numbers; rank 1 on host b:"
                                    + " barrier)" + all,
                            same
                                    + "rank 0 on host a, rank 1 on host b: allReduce of 5 float32 numbers; rank 2 on host c:"
                                    + " allReduce of 4 float32 numbers)" + all,
                            same
                                    + "rank 0 on host a: broadcast of 5 float64 numbers from rank 1 of the group; rank 1 on"
                                    + " host b, rank 2 on host c: broadcast of 5 float32 numbers from rank 1 of the group)"
                                    + all,
                            same
                                    + "rank 0 on host a: broadcast of 5 float32 numbers from rank 1 of the group; rank 1 on"
                                    + " host b, rank 2 on host c: broadcast of 5 float32 numbers from rank 0 of the group)"
                                    + all,
                            "mistake: rank 2 on host c sends 5 rows to rank 0 on host a, which expects 4 (allToAll of rows"
                                    + " of 1 float32 numbers)",
                            same + "rank 0 on host a, rank 2 on host c: allGather of 1 Java numbers; rank 1 on host b:"
                                    + " allGather of 2 Java numbers)" + all);
        }
        assertThat(late)
                .singleElement()
                .asString()
                .matches(
                        "mistake: rank [02] on host [ac] has waited 1 s for the other ranks in allReduce of 5 float32.*");
    }
}
