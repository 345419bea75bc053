package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PlacementTest {
    private static final List<String> HOSTS = List.of("c", "a", "b", "a", "c", "a", "c");

    @Test
    void ranksOfAHostAreNeighbours() {
        List<Placement> places = IntStream.range(0, HOSTS.size())
                .mapToObj(task -> Placement.of(HOSTS, task))
                .toList();

        assertThat(places).extracting(Placement::rank).containsExactly(4, 0, 3, 1, 5, 2, 6);
        assertThat(places).extracting(Placement::local).containsExactly(0, 0, 0, 1, 1, 2, 2);
        assertThat(places).extracting(place -> place.neighbours().size()).containsExactly(3, 3, 1, 3, 3, 3, 3);
        assertThat(places).extracting(Placement::first).containsOnly(1);
        assertThat(places).extracting(Placement::world).containsOnly(7);
    }

    @Test
    void oneRankIsAll() {
        assertThat(Placement.of(List.of("::1"), 0)).isEqualTo(new Placement(0, 1, 0, List.of(0), 0, 0));
    }

    @Test
    void gpusOfAHostAreSeenInTheOrderOfItsRanks() {
        List<Greeting> greetings = Greeting.parse(new String[] {
            new Greeting("b", 4001, false, "3").text(),
            new Greeting("a", 4002, true, "6").text(),
            new Greeting("b", 4003, false, "1").text(),
        });
        List<String> hosts = greetings.stream().map(Greeting::host).toList();

        assertThat(LaunchedRank.environment(Placement.of(hosts, 2), 4, greetings))
                .containsEntry("RANK", "2")
                .containsEntry("WORLD_SIZE", "3")
                .containsEntry("LOCAL_RANK", "1")
                .containsEntry("LOCAL_WORLD_SIZE", "2")
                .containsEntry("MASTER_ADDR", "a")
                .containsEntry("MASTER_PORT", "4002")
                .containsEntry("LONGNET_ATTEMPT", "4")
                .containsEntry("CUDA_VISIBLE_DEVICES", "3,1");
    }

    @Test
    void withoutGpusNothingIsSaidOfThem() {
        List<Greeting> greetings = Greeting.parse(new String[] {new Greeting("a", 4001, false, "").text()});

        assertThat(greetings).containsExactly(new Greeting("a", 4001, false, ""));
        assertThat(LaunchedRank.environment(Placement.of(List.of("a"), 0), 0, greetings))
                .doesNotContainKey("CUDA_VISIBLE_DEVICES");
    }
}
