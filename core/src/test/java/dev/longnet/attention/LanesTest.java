package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.pattern.Branch;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Key/value heads and residues that query heads need, and how few runs show them. */
class LanesTest {
    /** Key/value head and residue of a lane. */
    private record Lane(int kvHead, int residue) {}

    @Test
    void runsShowEveryLaneOnce() {
        for (int kvHeads = 1; kvHeads <= 6; kvHeads++) {
            for (int heads = kvHeads; heads <= 5 * kvHeads; heads += kvHeads) {
                for (int ratio = 1; ratio <= 13; ratio++) {
                    Branch branch = new Branch(40, ratio);
                    Lanes lanes = new Lanes(branch, heads, kvHeads);
                    Set<Lane> expected = new LinkedHashSet<>();
                    for (int head = 0; head < heads; head++) {
                        expected.add(new Lane(head / (heads / kvHeads), branch.offset(head, heads)));
                        assertThat(lanes.ofHead(head)).isEqualTo(expected.size() - 1);
                    }
                    int[] cuts = lanes.cuts(17, 31);
                    assertThat(cuts).startsWith(0).endsWith(branch.offsets(heads));
                    List<Lane> shown = new ArrayList<>();
                    for (int c = 0; c + 1 < cuts.length; c++) {
                        assertThat(lanes.first(cuts[c])).isEqualTo(shown.size());
                        shown.addAll(shown(lanes.runs(lanes.first(cuts[c]), lanes.first(cuts[c + 1]))));
                    }
                    assertThat(shown).containsExactlyElementsOf(expected);
                }
            }
        }
    }

    private static List<Lane> shown(List<Lanes.Run> runs) {
        List<Lane> shown = new ArrayList<>();
        for (Lanes.Run run : runs) {
            for (int i = 0; i < run.outer(); i++) {
                for (int j = 0; j < run.inner(); j++) {
                    shown.add(new Lane(
                            run.kvHead() + i * run.outerHeads() + j * run.innerHeads(),
                            run.residue() + i * run.outerResidues() + j * run.innerResidues()));
                }
            }
        }
        return shown;
    }

    /** Where heads, key/value heads and ratio divide each other one view shows all. */
    @ParameterizedTest
    @CsvSource({"12,12,4", "12,12,12", "16,4,2", "16,4,8", "16,8,4", "16,1,16", "32,8,64", "6,6,1"})
    void oneRunIsEnoughWhereNumbersDivide(int heads, int kvHeads, int ratio) {
        Lanes lanes = new Lanes(new Branch(256, ratio), heads, kvHeads);
        int all = lanes.first(new Branch(256, ratio).offsets(heads));
        assertThat(lanes.runs(0, all)).hasSize(1);
    }
}
