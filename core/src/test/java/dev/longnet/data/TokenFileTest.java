package dev.longnet.data;

import static dev.longnet.data.TestFiles.bytes;
import static dev.longnet.data.TestFiles.config;
import static dev.longnet.data.TestFiles.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenFileTest {
    @TempDir
    Path temporary;

    private Path source;
    private Path cache;
    private int builds;

    @BeforeEach
    void folders() {
        source = temporary.resolve("source");
        cache = temporary.resolve("cache");
    }

    private TokenFile open(DataConfig config, Split split) {
        boolean[] built = {false};
        TokenFile file = TokenFile.open(cache, config, split, (done, total) -> built[0] = true);
        builds += built[0] ? 1 : 0;
        return file;
    }

    private static int[] all(TokenFile file) {
        int[] tokens = new int[(int) file.tokens()];
        file.read(0, tokens, 0, tokens.length);
        return tokens;
    }

    private static List<String> names(TokenFile file) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < file.documents(); i++) {
            names.add(file.documentName(i));
        }
        return names;
    }

    private void writeMany(int count) {
        for (int i = 0; i < count; i++) {
            write(source.resolve("f" + i + ".txt"), "text " + i);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes", "cl100k_base"})
    void holdsEachDocumentAndItsEnd(String name) {
        write(source.resolve("a.txt"), "hello wörld");
        write(source.resolve("b.txt"), "x");
        Tokenizer tokenizer = Tokenizer.of(name);
        DataConfig config = config(source).withTokenizer(name).withHeldOut(0);
        try (TokenFile file = open(config, Split.TRAIN)) {
            int[] first = tokenizer.encode("hello wörld");
            int[] second = tokenizer.encode("x");
            assertThat(file.tokens()).isEqualTo(first.length + second.length + 2);
            assertThat(file.vocabulary()).isEqualTo(tokenizer.vocabulary());
            assertThat(names(file)).containsExactly("source/a.txt", "source/b.txt");
            assertThat(file.documentStart(0)).isZero();
            assertThat(file.documentStart(1)).isEqualTo(first.length + 1);
            assertThat(file.documentStart(2)).isEqualTo(file.tokens());
            int[] tokens = all(file);
            assertThat(tokens).startsWith(first).endsWith(second[0], tokenizer.endOfDocument());
            assertThat(tokens[first.length]).isEqualTo(tokenizer.endOfDocument());
            assertThat(file.summary().documents()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes", "cl100k_base"})
    void severalMappingsReadLikeOne(String name) {
        write(source.resolve("a.txt"), "public static void main(String[] arguments) { }\n".repeat(7));
        DataConfig config = config(source).withTokenizer(name).withHeldOut(0);
        try (TokenFile file = open(config, Split.TRAIN);
                TokenFile small = TokenFile.read(file.path(), 12)) {
            int[] expected = all(file);
            assertThat(all(small)).isEqualTo(expected);
            int[] some = new int[25];
            small.read(7, some, 3, 21);
            for (int i = 0; i < 21; i++) {
                assertThat(some[3 + i]).isEqualTo(expected[7 + i]);
            }
            assertThat(some).startsWith(0, 0, 0).endsWith(0);
        }
    }

    @Test
    void moreThanABufferIsWritten() {
        String text = "0123456789abcde\n".repeat(70_001);
        write(source.resolve("a.txt"), text);
        DataConfig config = TestFiles.withMaxFileBytes(config(source).withHeldOut(0), 1 << 24);
        try (TokenFile file = open(config, Split.TRAIN)) {
            assertThat(file.tokens()).isEqualTo(text.length() + 1);
            int[] last = new int[16];
            file.read(file.tokens() - 17, last, 0, 16);
            assertThat(Tokenizer.of("bytes").decodeText(last)).isEqualTo("0123456789abcde\n");
        }
    }

    @Test
    void rangesAreChecked() {
        write(source.resolve("a.txt"), "abc");
        TokenFile file = open(config(source).withHeldOut(0), Split.TRAIN);
        assertThatIllegalArgumentException().isThrownBy(() -> file.read(-1, new int[9], 0, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> file.read(2, new int[9], 0, 3))
                .withMessageContaining("[2, 5)")
                .withMessageContaining("4");
        assertThatIllegalArgumentException().isThrownBy(() -> file.read(0, new int[2], 0, 3));
        assertThatIllegalArgumentException().isThrownBy(() -> file.read(0, new int[2], 0, -1));
        assertThatIllegalArgumentException().isThrownBy(() -> file.documentName(1));
        assertThatIllegalArgumentException().isThrownBy(() -> file.documentStart(-1));
        file.close();
        assertThatThrownBy(() -> file.read(0, new int[1], 0, 1)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void isBuiltOnceForBothParts() {
        writeMany(41);
        DataConfig config = config(source).withHeldOut(0.3);
        Corpus.Summary summary = open(config, Split.TRAIN).summary();
        assertThat(open(config, Split.TRAIN).summary()).isEqualTo(summary);
        assertThat(open(config, Split.HELD_OUT).summary()).isEqualTo(summary);
        assertThat(summary.documents()).isEqualTo(41);
        assertThat(builds).isEqualTo(1);
    }

    @Test
    void whatNobodyUsesIsRemovedWhenOthersAreBuilt() throws IOException {
        writeMany(7);
        Path used = open(config(source), Split.TRAIN).path();
        String key = "0123456789abcdef0123456789abcdef";
        Path unused = aged(key + "-train.tokens", 31), recent = aged(key + "-held-out.tokens", 29);
        Path left = aged("." + key + "-train.tokens.1f.tmp", 2), foreign = aged("notes.txt", 99);
        Path writing = aged("." + key + "-train.tokens.2f.tmp", 0);
        Files.setLastModifiedTime(used, FileTime.from(Instant.now().minus(Duration.ofDays(31))));
        open(config(source), Split.TRAIN);
        assertThat(unused).exists();
        write(source.resolve("new.txt"), "something new\n");
        open(config(source), Split.TRAIN);
        assertThat(List.of(unused, left)).allSatisfy(file -> assertThat(file).doesNotExist());
        assertThat(List.of(used, recent, foreign, writing))
                .allSatisfy(file -> assertThat(file).exists());
    }

    private Path aged(String name, int days) throws IOException {
        Path file = Files.writeString(cache.resolve(name), "x");
        return Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofDays(days))));
    }

    @Test
    void isBuiltAgainWhenSettingsOrInputsChange() throws IOException {
        writeMany(3);
        DataConfig config = config(source).withHeldOut(0);
        open(config, Split.TRAIN);
        open(config.withHeldOut(0.5), Split.TRAIN);
        open(config.withTokenizer("cl100k_base"), Split.TRAIN);
        assertThat(builds).isEqualTo(3);
        write(source.resolve("f1.txt"), "longer than before");
        assertThat(open(config, Split.TRAIN).tokens()).isEqualTo(2 * 7 + 19);
        assertThat(builds).isEqualTo(4);
        Files.setLastModifiedTime(source.resolve("f2.txt"), FileTime.fromMillis(1_234_567_891_011L));
        open(config, Split.TRAIN);
        assertThat(builds).isEqualTo(5);
        write(source.resolve("new.txt"), "new");
        assertThat(names(open(config, Split.TRAIN))).contains("source/new.txt");
        open(config, Split.TRAIN);
        assertThat(builds).isEqualTo(6);
    }

    @Test
    void aDamagedFileIsBuiltAgain() throws IOException {
        writeMany(5);
        DataConfig config = config(source).withHeldOut(0);
        TokenFile file = open(config, Split.TRAIN);
        int[] expected = all(file);
        byte[] good = Files.readAllBytes(file.path());
        for (int length : new int[] {0, 7, 63, 64, 65, good.length - 1}) {
            Files.write(file.path(), Arrays.copyOf(good, length));
            assertThat(all(open(config, Split.TRAIN))).isEqualTo(expected);
        }
        Files.write(file.path(), Arrays.copyOf(good, good.length + 1));
        open(config, Split.TRAIN);
        assertThat(builds).isEqualTo(8);
        int index = 64 + expected.length;
        for (int place : new int[] {0, 9, 12, 21, 24, 33, 41, 63, index, index + 12, good.length - 1}) {
            byte[] flipped = good.clone();
            flipped[place] ^= 4;
            Files.write(file.path(), flipped);
            assertThat(all(open(config, Split.TRAIN))).isEqualTo(expected);
            assertThat(Files.readAllBytes(file.path())).isEqualTo(good);
        }
        assertThat(builds).isEqualTo(19);
        try (Stream<Path> files = Files.list(cache)) {
            assertThat(files).as("nothing temporary stays").hasSize(2);
        }
    }

    @Test
    void aTokenThatIsNoneIsAnError() throws IOException {
        write(source.resolve("a.txt"), "hello");
        Path path = open(config(source).withTokenizer("cl100k_base").withHeldOut(0), Split.TRAIN)
                .path();
        byte[] damaged = Files.readAllBytes(path);
        damaged[64 + 3] = 0x7f;
        Files.write(path, damaged);
        TokenFile file = TokenFile.read(path, 1 << 30);
        assertThatThrownBy(() -> all(file))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("damaged", "remove it");
    }

    @Test
    void everyDocumentIsInOnePartAndStaysThere() {
        writeMany(200);
        DataConfig config = config(source).withHeldOut(0.25);
        List<String> train = names(open(config, Split.TRAIN));
        List<String> heldOut = names(open(config, Split.HELD_OUT));
        assertThat(train.size() + heldOut.size()).isEqualTo(200);
        assertThat(train).doesNotContainAnyElementsOf(heldOut);
        assertThat(heldOut.size()).isBetween(25, 75);
        for (int i = 0; i < 100; i++) {
            write(source.resolve("more/g" + i + ".txt"), "more " + i);
        }
        assertThat(names(open(config, Split.TRAIN))).containsAll(train);
        assertThat(names(open(config, Split.HELD_OUT))).containsAll(heldOut);
    }

    @Test
    void theSeedChoosesOtherDocuments() {
        writeMany(100);
        DataConfig config = config(source).withHeldOut(0.5);
        DataConfig other = new DataConfig(config.sources(), "bytes", "text", 0.5, config.maxFileBytes(), 1);
        assertThat(names(open(other, Split.TRAIN))).isNotEqualTo(names(open(config, Split.TRAIN)));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-9, 1 - 1e-9})
    void noPartIsEmptyWhereBothAreWanted(double heldOut) {
        writeMany(3);
        DataConfig config = config(source).withHeldOut(heldOut);
        List<String> train = names(open(config, Split.TRAIN));
        List<String> rest = names(open(config, Split.HELD_OUT));
        assertThat(List.of(train.size(), rest.size())).containsExactlyInAnyOrder(1, 2);
        assertThat(train).doesNotContainAnyElementsOf(rest);
        assertThat(train.size()).isEqualTo(heldOut < 0.5 ? 2 : 1);
    }

    @ParameterizedTest
    @EnumSource(Split.class)
    void aPartMayBeWantedEmpty(Split split) {
        writeMany(3);
        TokenFile file = open(config(source).withHeldOut(split == Split.TRAIN ? 1 : 0), split);
        assertThat(file.tokens()).isZero();
        assertThat(file.documents()).isZero();
    }

    @Test
    void theEndOfTheOnlyDocumentIsHeldOut() {
        Path file = write(source.resolve("one.txt"), "0123456789".repeat(10));
        DataConfig config = config(file).withHeldOut(0.2);
        Tokenizer tokenizer = Tokenizer.of("bytes");
        TokenFile train = open(config, Split.TRAIN);
        TokenFile heldOut = open(config, Split.HELD_OUT);
        assertThat(tokenizer.decodeText(all(train))).isEqualTo("0123456789".repeat(8) + "\0");
        assertThat(tokenizer.decodeText(all(heldOut))).isEqualTo("0123456789".repeat(2) + "\0");
        assertThat(train.documentName(0)).isEqualTo("one.txt");
        assertThat(heldOut.documentName(0)).isEqualTo("one.txt");
    }

    @Test
    void theOnlyDocumentIsCutBetweenCharacters() {
        Map<String, String> trained = new HashMap<>();
        trained.put("ü", "ü\0");
        trained.put("ab", "a\0");
        trained.put("üß", "ü\0");
        trained.put("a🙂", "a\0");
        trained.put("🙂a", "🙂\0");
        trained.forEach((text, expected) -> {
            for (double share : new double[] {0.01, 0.5, 0.99}) {
                Path file = write(source.resolve("x.txt"), text);
                DataConfig config = config(file).withHeldOut(share);
                // Files written within a clock tick may have one size and time.
                cache = temporary.resolve("cache-" + text.hashCode() + share);
                TokenFile train = open(config, Split.TRAIN);
                assertThat(Tokenizer.of("bytes").decodeText(all(train))).isEqualTo(expected);
                String rest = text.substring(expected.length() - 1);
                assertThat(Tokenizer.of("bytes").decodeText(all(open(config, Split.HELD_OUT))))
                        .isEqualTo(rest.isEmpty() ? "" : rest + "\0");
            }
        });
    }

    @Test
    void aFolderThatCannotBeWrittenIsAnError() {
        writeMany(2);
        cache = write(temporary.resolve("file"), bytes("in the way"));
        assertThatThrownBy(() -> open(config(source), Split.TRAIN))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("cannot write");
    }

    @Test
    void anEmptyCorpusLeavesNothingBehind() throws IOException {
        write(source.resolve("a.bin"), new byte[] {0});
        Files.createDirectories(cache);
        assertThatThrownBy(() -> open(config(source), Split.TRAIN))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("binary");
        try (Stream<Path> files = Files.list(cache)) {
            assertThat(files).isEmpty();
        }
    }
}
