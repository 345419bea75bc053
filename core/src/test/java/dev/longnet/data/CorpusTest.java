package dev.longnet.data;

import static dev.longnet.data.TestFiles.bytes;
import static dev.longnet.data.TestFiles.config;
import static dev.longnet.data.TestFiles.withMaxFileBytes;
import static dev.longnet.data.TestFiles.write;
import static dev.longnet.data.TestFiles.zip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.data.Corpus.Skips;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
    @TempDir
    Path folder;

    private static List<Document> documents(DataConfig config) {
        List<Document> documents = new ArrayList<>();
        Corpus.open(config).forEach(documents::add);
        return documents;
    }

    private static List<String> names(DataConfig config) {
        return documents(config).stream().map(Document::name).toList();
    }

    private static Corpus.Summary summary(DataConfig config) {
        return Corpus.open(config).forEach(document -> {});
    }

    @Test
    void aFolderGivesItsFilesWithNeighboursTogether() {
        for (String name :
                List.of("z.txt", "b/two/x.txt", "a/A.java", "b/B.java", "a.txt", "b/one/y.txt", "b-c/d.txt")) {
            write(folder.resolve("proj").resolve(name), "text of " + name);
        }
        assertThat(names(config(folder.resolve("proj"))))
                .containsExactly(
                        "proj/a.txt",
                        "proj/z.txt",
                        "proj/a/A.java",
                        "proj/b/B.java",
                        "proj/b/one/y.txt",
                        "proj/b/two/x.txt",
                        "proj/b-c/d.txt");
        assertThat(documents(config(folder.resolve("proj"))))
                .extracting(Document::project)
                .containsExactly("proj", "proj", "a", "b", "b", "b", "b-c");
    }

    @Test
    void aDocumentHoldsTheFilesBytes() {
        Path file = write(folder.resolve("x.txt"), "grüße 🙂\n");
        Document document = documents(config(file)).get(0);
        assertThat(document.text()).isEqualTo(bytes("grüße 🙂\n"));
        assertThat(document.name()).isEqualTo("x.txt");
    }

    @Test
    void namesDoNotDependOnWhereTheSourceLies() {
        write(folder.resolve("here/proj/a.txt"), "a");
        write(folder.resolve("there/is/proj/a.txt"), "a");
        assertThat(names(config(folder.resolve("here/proj"))))
                .isEqualTo(names(config(folder.resolve("there/is/proj/."))));
    }

    @Test
    void aJarGivesItsTextAndIsAProject() throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("org/z/Z.java", bytes("class Z {}"));
        entries.put("META-INF/MANIFEST.MF", bytes("Manifest-Version: 1.0"));
        entries.put("org/A.java", bytes("class A {}"));
        entries.put("org/logo.png", new byte[] {1, 0, 2});
        entries.put(".hidden/x", bytes("x"));
        Path jar = zip(folder.resolve("lib-1.2-sources.jar"), entries);
        assertThat(documents(config(jar))).extracting(Document::project).containsOnly("lib-1.2-sources");
        assertThat(names(config(jar)))
                .containsExactly("lib-1.2-sources.jar!/org/A.java", "lib-1.2-sources.jar!/org/z/Z.java");
        assertThat(summary(config(jar)).skipped())
                .isEqualTo(Map.of(
                        Skipped.BINARY,
                        new Skips(1, "lib-1.2-sources.jar!/org/logo.png"),
                        Skipped.HIDDEN,
                        new Skips(1, "lib-1.2-sources.jar!/.hidden/x")));
    }

    @Test
    void aZipKeepsItsMetaInfAndArchivesInFoldersAreRead() throws IOException {
        zip(folder.resolve("all/sub/x.zip"), Map.of("META-INF/notes.txt", bytes("notes")));
        write(folder.resolve("all/a.txt"), "a");
        assertThat(names(config(folder.resolve("all"))))
                .containsExactly("all/a.txt", "all/sub/x.zip!/META-INF/notes.txt");
    }

    @Test
    void globsStayInAFolderOrCrossThem() {
        for (String name : List.of("a.md", "b.txt", "sub/c.md", "sub/deep/d.md", ".git/e.md")) {
            write(folder.resolve("docs").resolve(name), name);
        }
        assertThat(names(config(folder + "/docs/*.md"))).containsExactly("docs/a.md");
        assertThat(names(config(folder + "/docs/**/*.md")))
                .containsExactly("docs/a.md", "docs/sub/c.md", "docs/sub/deep/d.md");
        assertThat(names(config(folder + "/d?cs/*.{txt,md}")))
                .as("the first special character ends the folder the names begin with")
                .hasSize(2)
                .allMatch(name -> name.endsWith("/docs/a.md") || name.endsWith("/docs/b.txt"));
        assertThat(names(config(folder + "/docs/s*")))
                .as("a folder that matches is taken whole")
                .containsExactly("docs/sub/c.md", "docs/sub/deep/d.md");
    }

    @Test
    void jsonLinesGiveADocumentALine() {
        Path file = write(
                folder.resolve("x.jsonl"),
                "{\"text\": \"one\\n\", \"id\": 1}\n\n  \n{\"id\":2,\"text\":\"zwölf\"}\r\n{\"text\":\"\"}\n{\"text\":\"a\\u0000b\"}");
        assertThat(documents(config(file)))
                .extracting(document -> new String(document.text(), StandardCharsets.UTF_8))
                .containsExactly("one\n", "zwölf");
        assertThat(names(config(file))).containsExactly("x.jsonl:1", "x.jsonl:4");
        assertThat(summary(config(file)).skipped())
                .isEqualTo(Map.of(Skipped.EMPTY, new Skips(1, "x.jsonl:5"), Skipped.BINARY, new Skips(1, "x.jsonl:6")));
    }

    @Test
    void jsonLinesErrorsNameTheLine() {
        write(folder.resolve("field.jsonl"), "{\"text\":\"a\"}\n{\"body\":\"b\",\"id\":3}\n");
        write(folder.resolve("syntax.jsonl"), "{\"text\":\"a\"}\n\n{\"text\":\n");
        write(folder.resolve("array.jsonl"), "[1]\n");
        write(folder.resolve("number.jsonl"), "{\"text\":7}\n");
        write(folder.resolve("two.jsonl"), "{\"text\":\"a\"} {\"text\":\"b\"}\n");
        assertThatThrownBy(() -> summary(config(folder.resolve("field.jsonl"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("line 2", "field.jsonl", "\"text\"", "body, id", "data.textField");
        assertThatThrownBy(() -> summary(config(folder.resolve("syntax.jsonl"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("line 3", "not JSON");
        assertThatThrownBy(() -> summary(config(folder.resolve("array.jsonl"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("line 1", "not a JSON object");
        assertThatThrownBy(() -> summary(config(folder.resolve("number.jsonl"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("line 1", "not text");
        assertThatThrownBy(() -> summary(config(folder.resolve("two.jsonl"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("line 1", "not JSON");
    }

    @Test
    void jsonLinesInsideAFolderAreText() {
        write(folder.resolve("proj/cases.jsonl"), "{\"other\": 1}\n");
        assertThat(names(config(folder.resolve("proj")))).containsExactly("proj/cases.jsonl");
    }

    @Test
    void whatIsNoTextIsSkippedAndCounted() {
        Path root = folder.resolve("p");
        write(root.resolve("a.bin"), new byte[] {65, 0, 66});
        write(root.resolve("latin1.txt"), new byte[] {'a', (byte) 0xE9, 'b'});
        write(root.resolve("cut.txt"), new byte[] {'a', (byte) 0xC3});
        write(root.resolve("large.txt"), "x".repeat(101));
        write(root.resolve("limit.txt"), "x".repeat(100));
        write(root.resolve("empty.txt"), "");
        write(root.resolve(".env"), "secret");
        write(root.resolve(".git/config"), "[core]");
        Corpus.Summary summary = summary(withMaxFileBytes(config(root), 100));
        assertThat(summary.documents()).isEqualTo(1);
        assertThat(summary.bytes()).isEqualTo(100);
        assertThat(summary.skipped())
                .isEqualTo(Map.of(
                        Skipped.BINARY, new Skips(3, "p/a.bin"),
                        Skipped.TOO_LARGE, new Skips(1, "p/large.txt"),
                        Skipped.EMPTY, new Skips(1, "p/empty.txt"),
                        Skipped.HIDDEN, new Skips(2, "p/.env")));
        assertThat(summary.describeSkipped())
                .isEqualTo("3 binary or not UTF-8 (such as p/a.bin), 1 over the size limit (p/large.txt), "
                        + "1 empty (p/empty.txt), 2 hidden (such as p/.env)");
    }

    @Test
    void aZipBombIsReadToTheLimitOnly() throws IOException {
        Path zip = zip(
                folder.resolve("bomb.zip"),
                Map.of("a/bomb.txt", "0".repeat(1 << 26).getBytes(StandardCharsets.US_ASCII), "b.txt", bytes("fine")));
        // Its directory claims three bytes.
        byte[] archive = Files.readAllBytes(zip);
        byte[] size = {0, 0, 0, 4};
        int places = 0;
        for (int i = 0; i + 4 <= archive.length; i++) {
            if (archive[i] == size[0] && archive[i + 1] == 0 && archive[i + 2] == 0 && archive[i + 3] == 4) {
                archive[i] = 3;
                archive[i + 3] = 0;
                places++;
            }
        }
        assertThat(places).isPositive();
        Files.write(zip, archive);
        Corpus.Summary summary = summary(withMaxFileBytes(config(zip), 1000));
        assertThat(summary.documents()).isEqualTo(1);
        assertThat(summary.skipped()).isEqualTo(Map.of(Skipped.TOO_LARGE, new Skips(1, "bomb.zip!/a/bomb.txt")));
    }

    @Test
    void loopsOfLinksEndAndLinkedFilesAreReadOnce() throws IOException {
        Path root = folder.resolve("p");
        write(root.resolve("a/x.txt"), "x");
        write(root.resolve("b/y.txt"), "y");
        Files.createSymbolicLink(root.resolve("a/up"), root);
        Files.createSymbolicLink(root.resolve("a/b"), root.resolve("b"));
        Files.createSymbolicLink(root.resolve("b/a"), root.resolve("a"));
        Files.createSymbolicLink(root.resolve("z.txt"), root.resolve("a/x.txt"));
        Files.createSymbolicLink(root.resolve("gone.txt"), root.resolve("nowhere"));
        Corpus.Summary summary =
                Assertions.assertTimeoutPreemptively(Duration.ofSeconds(20), () -> summary(config(root)));
        assertThat(summary.documents()).isEqualTo(2);
        assertThat(summary.skipped()).containsKeys(Skipped.REPEATED);
        assertThat(summary.skipped().get(Skipped.UNREADABLE)).isEqualTo(new Skips(1, "p/gone.txt"));
    }

    @Test
    void aFileOfTwoSourcesIsReadOnce() {
        write(folder.resolve("p/a.txt"), "a");
        write(folder.resolve("p/b.md"), "b");
        DataConfig config = DataConfig.defaults()
                .withSources(List.of(folder + "/p/*.txt", folder + "/p/*.md", folder + "/p", folder + "/p/a.txt"));
        assertThat(names(config)).containsExactly("p/a.txt", "p/b.md");
        assertThat(summary(config).skipped().get(Skipped.REPEATED).count()).isEqualTo(3);
    }

    @Test
    void aDamagedArchiveIsSkippedAndSaidSo() {
        write(folder.resolve("p/broken.zip"), "this is no archive");
        write(folder.resolve("p/a.txt"), "a");
        assertThat(summary(config(folder.resolve("p"))).skipped())
                .isEqualTo(Map.of(Skipped.UNREADABLE, new Skips(1, "p/broken.zip")));
    }

    @Test
    void anArchiveWithBrokenNamesIsSkippedAndSaidSo() throws IOException {
        Path zip = zip(folder.resolve("p/names.zip"), Map.of("ü.txt", bytes("a"), "b.txt", bytes("b")));
        byte[] archive = Files.readAllBytes(zip);
        for (int i = 0; i + 1 < archive.length; i++) {
            if (archive[i] == (byte) 0xC3 && archive[i + 1] == (byte) 0xBC) {
                archive[i] = (byte) 0xFF;
            }
        }
        Files.write(zip, archive);
        write(folder.resolve("p/a.txt"), "a");
        assertThat(summary(config(folder.resolve("p"))).skipped())
                .isEqualTo(Map.of(Skipped.UNREADABLE, new Skips(1, "p/names.zip")));
    }

    @Test
    void aMissingSourceSaysWhatToDo() {
        assertThatThrownBy(() -> Corpus.open(config(folder.resolve("nothing"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("nothing", "does not exist", "folder");
        assertThatThrownBy(() -> Corpus.open(config(folder + "/nowhere/*.txt")))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("*.txt", "matches no file");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Corpus.open(DataConfig.defaults()))
                .withMessageContaining("data.sources");
    }

    @Test
    void nothingUsableSaysWhatWasSkipped() throws IOException {
        Files.createDirectories(folder.resolve("none"));
        assertThatThrownBy(() -> summary(config(folder.resolve("none"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("holds no text");
        write(folder.resolve("some/a.png"), new byte[] {0});
        write(folder.resolve("some/100%.txt"), "");
        assertThatThrownBy(() -> summary(config(folder.resolve("some"))))
                .isInstanceOf(LongNetException.class)
                .hasMessageContainingAll("1 binary", "some/a.png", "1 empty (some/100%.txt)");
    }

    @Test
    void inputsAreTheFilesWithSizeAndTime() {
        Path a = write(folder.resolve("p/a.txt"), "abc");
        write(folder.resolve("p/b.txt"), "de");
        List<InputFile> inputs = Corpus.open(config(folder.resolve("p"))).inputs();
        assertThat(inputs).extracting(InputFile::size).containsExactly(3L, 2L);
        assertThat(inputs.get(0).path()).isEqualTo(a.toAbsolutePath());
        assertThat(inputs.get(0).modified()).isPositive();
    }

    @Test
    void progressEndsAtTheBytesOfAllInputs() throws IOException {
        write(folder.resolve("p/a.txt"), "abc");
        zip(folder.resolve("p/b.zip"), Map.of("x", bytes("hello"), "y", bytes("world")));
        List<Long> done = new ArrayList<>();
        List<Long> totals = new ArrayList<>();
        Corpus.open(config(folder.resolve("p"))).forEach(document -> {}, (now, total) -> {
            done.add(now);
            totals.add(total);
        });
        long bytes = 3 + Files.size(folder.resolve("p/b.zip"));
        assertThat(done).isSorted().endsWith(bytes);
        assertThat(totals).containsOnly(bytes);
    }
}
