package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Ranks, here threads, find each other whatever comes first, and nobody else. */
class MeetingTest {
    private static final int STORE = 4711;

    private final int port;

    MeetingTest() throws IOException {
        port = Jvms.freePort();
    }

    private RankPlace place(int rank, int size, String host, String attempt) {
        return new RankPlace(rank, size, 0, 1, host, "localhost", port, attempt);
    }

    /** Meets on a thread of its own and says how it went. */
    private static CompletableFuture<String> meet(RankPlace place, int seconds) {
        RankLimits limits = new RankLimits(Duration.ofSeconds(seconds), Duration.ofMinutes(1), Duration.ofSeconds(5));
        return CompletableFuture.supplyAsync(
                () -> {
                    try (Watch watch = new Watch(place, limits.silence())) {
                        Meeting meeting = new Meeting(place, limits, watch);
                        Meeting.Point point = place.rank() == 0 ? meeting.host(STORE) : meeting.join();
                        assertThat(point.storePort()).isEqualTo(STORE);
                        assertThat(point.address()).isEqualTo("127.0.0.1");
                        watch.finish();
                        StringBuilder met = new StringBuilder("met");
                        for (int i = 0; i < place.size(); i++) {
                            met.append(", ").append(watch.name(i));
                        }
                        return met.toString();
                    } catch (LongNetException e) {
                        return e.getMessage();
                    }
                },
                work -> new Thread(work, "rank " + place.rank()).start());
    }

    private static String get(CompletableFuture<String> outcome) throws Exception {
        return outcome.get(60, TimeUnit.SECONDS);
    }

    @Test
    void rankZeroMayComeLast() throws Exception {
        var second = meet(place(2, 3, "c", ""), 30);
        var first = meet(place(1, 3, "b", ""), 30);
        Thread.sleep(500);
        var zero = meet(place(0, 3, "a", ""), 30);
        String met = "met, rank 0 on host a, rank 1 on host b, rank 2 on host c";
        assertThat(get(zero)).isEqualTo(met);
        assertThat(get(first)).isEqualTo(met);
        assertThat(get(second)).isEqualTo(met);
    }

    @Test
    void strangersAndThoseOfAnotherAttemptAreTurnedAway() throws Exception {
        var zero = meet(place(0, 2, "a", "new"), 30);
        var old = meet(place(1, 2, "b", "old"), 1);
        assertThat(get(old)).contains("rank 1 on host b did not reach rank 0").contains("another LONGNET_ATTEMPT");
        try (Socket stranger = new Socket("localhost", port)) {
            stranger.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
            assertThat(stranger.getInputStream().read()).isEqualTo(-1);
        }
        assertThat(get(meet(place(1, 2, "c", "new"), 30))).startsWith("met");
        assertThat(get(zero)).startsWith("met");
    }

    @Test
    void twoOfOneNumberAreNamed() throws Exception {
        var zero = meet(place(0, 3, "a", ""), 30);
        var one = meet(place(1, 3, "b", ""), 30);
        Thread.sleep(500);
        var again = meet(place(1, 3, "c", ""), 30);
        String message = "two processes, on hosts b and c, say that they are rank 1; give each its own RANK";
        assertThat(get(zero)).isEqualTo(message);
        assertThat(get(one)).isEqualTo(message);
        assertThat(get(again)).isEqualTo(message);
    }

    @Test
    void anotherNumberOfRanksIsNamed() throws Exception {
        var zero = meet(place(0, 3, "a", ""), 30);
        var other = meet(place(1, 4, "b", ""), 30);
        String message = "rank 1 on host b was told of 4 ranks and rank 0 on host a of 3; give all the same WORLD_SIZE";
        assertThat(get(zero)).isEqualTo(message);
        assertThat(get(other)).isEqualTo(message);
    }

    @Test
    void aPortThatIsTakenIsNamed() throws Exception {
        // Only for a while: the end of an earlier attempt may still hold it.
        try (var taken = new java.net.ServerSocket(port)) {
            var zero = meet(place(0, 2, "a", ""), 1);
            assertThat(get(zero))
                    .contains("rank 0 on host a cannot listen on port " + port)
                    .contains("MASTER_PORT");
        }
    }
}
