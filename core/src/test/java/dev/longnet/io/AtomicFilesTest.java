package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AtomicFilesTest {
    @TempDir
    Path folder;

    private Path target;

    @BeforeEach
    void name() {
        target = folder.resolve("config.yaml");
    }

    @Test
    void makesAndReplacesAFile() throws Exception {
        AtomicFiles.writeString(target, "größe: 1\n");
        assertThat(target).hasBinaryContent("größe: 1\n".getBytes(StandardCharsets.UTF_8));
        AtomicFiles.writeString(target, "");
        assertThat(target).isEmptyFile();
        assertOnly(target);
    }

    @Test
    void writesMoreThanTheBuffer() {
        AtomicFiles.write(target, stream -> {
            for (int i = 0; i < 200_003; i++) {
                stream.write(i);
            }
        });
        assertThat(target).hasSize(200_003);
    }

    @Test
    void writesAChannelInAnyOrder() {
        AtomicFiles.writeChannel(target, channel -> {
            channel.write(ByteBuffer.wrap(new byte[] {3, 4}), 2);
            channel.write(ByteBuffer.wrap(new byte[] {1, 2}), 0);
        });
        assertThat(target).hasBinaryContent(new byte[] {1, 2, 3, 4});
    }

    @Test
    void theStreamMayBeClosed() {
        AtomicFiles.write(target, stream -> {
            try (PrintStream print = new PrintStream(stream)) {
                print.print("closed");
            }
        });
        assertThat(target).hasContent("closed");
    }

    @Test
    void theOldFileStaysUntilTheNewOneIsWhole() throws Exception {
        Files.writeString(target, "old");
        AtomicFiles.write(target, stream -> {
            stream.write("new".getBytes(StandardCharsets.UTF_8));
            stream.flush();
            assertThat(target).hasContent("old");
        });
        assertThat(target).hasContent("new");
    }

    @Test
    void aFailureLeavesTheOldFileAndNothingElse() throws Exception {
        Files.writeString(target, "old");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.write(target, half(new IOException("No space left on device"))))
                .withMessage("cannot write %s: No space left on device", target)
                .withCauseInstanceOf(IOException.class);
        assertThatIllegalStateException()
                .isThrownBy(() -> AtomicFiles.write(target, stream -> {
                    stream.write(new byte[100_000]);
                    throw new IllegalStateException("mine");
                }))
                .withMessage("mine");
        assertThatExceptionOfType(OutOfMemoryError.class)
                .isThrownBy(() -> AtomicFiles.writeChannel(target, channel -> {
                    channel.write(ByteBuffer.allocate(100_000));
                    throw new OutOfMemoryError("theirs");
                }));
        assertThat(target).hasContent("old");
        assertOnly(target);
    }

    @Test
    void aFailureMakesNoFile() throws Exception {
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.write(target, half(new IOException((String) null))))
                .withMessage("cannot write %s: IOException", target);
        assertOnly();
    }

    @Test
    void anAtomicFileThatIsNotCommittedIsGone() throws Exception {
        Files.writeString(target, "old");
        try (AtomicFile file = new AtomicFile(target)) {
            file.channel().write(ByteBuffer.allocate(7));
        }
        assertThat(target).hasContent("old");
        assertOnly(target);
        AtomicFile file = new AtomicFile(target);
        file.commit();
        file.close();
        file.close();
        assertThat(target).isEmptyFile();
        assertOnly(target);
    }

    @Test
    void missingFoldersAreMade() {
        Path deep = folder.resolve("runs/one/config.yaml");
        AtomicFiles.writeString(deep, "x");
        assertThat(deep).hasContent("x");
    }

    @Test
    void aRelativeNameWithoutFolderIsWrittenHere() throws Exception {
        Path here = Path.of("atomic-files-test.txt");
        try {
            AtomicFiles.writeString(here, "x");
            assertThat(here).hasContent("x");
        } finally {
            Files.deleteIfExists(here);
        }
    }

    @Test
    void aFileAmongTheFoldersIsNamed() throws Exception {
        Files.writeString(target, "old");
        Path below = target.resolve("below.txt");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.writeString(below, "x"))
                .withMessage("cannot write %s: %s is in the way", below, target);
        Path deeper = target.resolve("deep/er.txt");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.writeString(deeper, "x"))
                .withMessageStartingWith("cannot write " + deeper + ": ");
        assertThat(target).hasContent("old");
    }

    @Test
    void aFolderIsNotReplaced() throws Exception {
        for (Path wrong : List.of(folder, folder.resolve("."), folder.getRoot(), Path.of(""))) {
            assertThatExceptionOfType(LongNetException.class)
                    .isThrownBy(() -> AtomicFiles.writeString(wrong, "x"))
                    .withMessage("cannot write %s: it is a folder", wrong);
        }
        assertOnly();
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aDeviceIsNotReplaced() {
        Path device = Path.of("/dev/null");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.writeString(device, "x"))
                .withMessage(
                        "cannot write /dev/null: it is a device or a pipe, and only a regular file can be replaced");
        assertThat(Files.isRegularFile(device)).isFalse();
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aLinkStaysAndItsFileIsReplaced() throws Exception {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Path file = Files.writeString(elsewhere.resolve("real.yaml"), "old");
        Path link = Files.createSymbolicLink(target, Path.of("elsewhere/real.yaml"));
        AtomicFiles.writeString(link, "new");
        assertThat(link).isSymbolicLink().hasContent("new");
        assertThat(file).hasContent("new");
        assertOnly(elsewhere, link);
        assertThat(elsewhere).isDirectoryNotContaining(path -> !path.equals(file));
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aLinkToNothingBecomesTheFile() throws Exception {
        Path link = Files.createSymbolicLink(target, Path.of("nothing"));
        AtomicFiles.writeString(link, "new");
        assertThat(Files.isRegularFile(link, LinkOption.NOFOLLOW_LINKS)).isTrue();
        assertThat(link).hasContent("new");
        Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        AtomicFiles.writeString(loop, "new");
        assertThat(loop).hasContent("new");
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aLinkToAFolderHoldsNewFiles() throws Exception {
        Path real = Files.createDirectory(folder.resolve("real"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), real);
        AtomicFiles.writeString(link.resolve("a.txt"), "x");
        assertThat(real.resolve("a.txt")).hasContent("x");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.writeString(link, "x"))
                .withMessage("cannot write %s: it is a folder", link);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-------", "rw-rw-rw-", "rwxr-x---"})
    void permissionsOfTheOldFilePassOn(String permissions) throws Exception {
        assumePosix();
        Files.writeString(target, "old");
        Files.setPosixFilePermissions(target, PosixFilePermissions.fromString(permissions));
        AtomicFiles.write(
                target,
                stream -> assertThat(Stream.of(folder.toFile().list())
                                .filter(name -> name.endsWith(".tmp"))
                                .map(folder::resolve))
                        .singleElement()
                        .satisfies(
                                path -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                                        .isEqualTo(permissions)));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(target)))
                .isEqualTo(permissions);
    }

    @Test
    void aNewFileHasThePermissionsOfAnyNewFile() throws Exception {
        assumePosix();
        AtomicFiles.writeString(target, "x");
        Path plain = Files.writeString(folder.resolve("plain"), "x");
        assertThat(Files.getPosixFilePermissions(target)).isEqualTo(Files.getPosixFilePermissions(plain));
    }

    @Test
    void aWriteProtectedFileIsKept() throws Exception {
        Files.writeString(target, "old");
        assertThat(target.toFile().setReadOnly()).isTrue();
        assumeThat(Files.isWritable(target)).as("root writes everything").isFalse();
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> AtomicFiles.writeString(target, "new"))
                .withMessage("cannot write %s: permission denied", target);
        assertThat(target).hasContent("old");
    }

    private static IoConsumer<OutputStream> half(IOException failure) {
        return stream -> {
            stream.write(new byte[100_000]);
            throw failure;
        };
    }

    private static void assumePosix() {
        assumeThat(FileSystems.getDefault().supportedFileAttributeViews()).contains("posix");
    }

    private void assertOnly(Path... expected) throws IOException {
        try (Stream<Path> found = Files.list(folder)) {
            assertThat(found).containsExactlyInAnyOrder(expected);
        }
    }
}
