package dev.longnet.data;

import dev.longnet.LongNetException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Finds the files behind the sources of a configuration, in the order of {@link NameOrder} within a source. A file that
 * two sources name is read once; so is a folder that links lead to twice, which also ends loops of links.
 */
final class SourceFinder {
    private final SkipCounter skips;
    private final Set<Path> files = new HashSet<>();
    private final List<Source> found = new ArrayList<>();

    SourceFinder(SkipCounter skips) {
        this.skips = skips;
    }

    List<Source> found() {
        return found;
    }

    /** Adds what a folder, file or glob names. */
    void add(String source) {
        if (exists(source)) {
            Path path = Path.of(source);
            if (Files.isDirectory(path)) {
                new Walk(null).folder(path, name(path), "");
            } else {
                String name = name(path);
                file(path, name, name, isNamed(name, ".jsonl"));
            }
            return;
        }
        String slashed = source.replace(File.separatorChar, '/');
        if (!Glob.isGlob(slashed)) {
            throw new LongNetException(
                    "data source \"%s\" does not exist; give a folder, a zip or jar archive, a file or a glob", source);
        }
        Glob glob = new Glob(slashed);
        Walk walk = new Walk(glob);
        if (Files.isDirectory(Path.of(glob.base()))) {
            walk.folder(Path.of(glob.base()), name(Path.of(glob.base())), "");
        }
        if (!walk.matched) {
            throw new LongNetException(
                    "data source \"%s\" matches no file; check the pattern (* stays in a folder, ** crosses folders)",
                    source);
        }
    }

    private static boolean exists(String source) {
        try {
            return Files.exists(Path.of(source));
        } catch (InvalidPathException e) {
            return false;
        }
    }

    private static String name(Path path) {
        Path name = path.toAbsolutePath().normalize().getFileName();
        return name == null ? "" : name.toString();
    }

    private static boolean isNamed(String name, String extension) {
        return name.toLowerCase(Locale.ROOT).endsWith(extension);
    }

    /** Adds a file; {@code jsonLines} says whether it was named as such, else it is text like any other. */
    private void file(Path path, String project, String name, boolean jsonLines) {
        try {
            if (!files.add(path.toRealPath())) {
                skips.add(Skipped.REPEATED, name);
                return;
            }
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                // A pipe or device could block forever.
                skips.add(Skipped.UNREADABLE, name);
                return;
            }
            InputFile input = new InputFile(
                    path.toAbsolutePath().normalize(),
                    attributes.size(),
                    attributes.lastModifiedTime().to(TimeUnit.MICROSECONDS));
            boolean archive = isNamed(name, ".jar") || isNamed(name, ".zip");
            if (archive) {
                String file = name(path);
                found.add(new Source(input, Source.Kind.ARCHIVE, file.substring(0, file.length() - 4), name));
            } else {
                found.add(new Source(input, jsonLines ? Source.Kind.JSON_LINES : Source.Kind.TEXT, project, name));
            }
        } catch (IOException e) {
            skips.add(Skipped.UNREADABLE, name);
        }
    }

    /** One source's way through a folder. */
    private final class Walk {
        private final Glob glob;
        private final Set<Path> folders = new HashSet<>();
        private boolean matched;

        /** Takes every file for a null {@code glob}. */
        Walk(Glob glob) {
            this.glob = glob;
        }

        /** Takes the folder at {@code path} that is named {@code root/below}; {@code below} is empty or ends in /. */
        void folder(Path path, String root, String below) {
            folder(path, root, below, 1, glob == null);
        }

        private void folder(Path path, String root, String below, int depth, boolean all) {
            TreeMap<String, Path> subfolders = new TreeMap<>();
            TreeMap<String, Path> plain = new TreeMap<>();
            try (Stream<Path> entries = Files.list(path)) {
                if (!folders.add(path.toRealPath())) {
                    skips.add(Skipped.REPEATED, root + "/" + below);
                    return;
                }
                for (Path entry : (Iterable<Path>) entries::iterator) {
                    String name = entry.getFileName().toString();
                    (Files.isDirectory(entry) ? subfolders : plain).put(name, entry);
                }
            } catch (IOException | UncheckedIOException e) {
                skips.add(Skipped.UNREADABLE, root + "/" + below);
                return;
            }
            plain.forEach((name, entry) -> {
                if (taken(root, below + name, all)) {
                    int slash = below.indexOf('/');
                    String project = slash < 0 ? root : below.substring(0, slash);
                    boolean jsonLines = glob != null && isNamed(name, ".jsonl");
                    file(entry, project, root + "/" + below + name, jsonLines);
                }
            });
            subfolders.forEach((name, entry) -> {
                boolean whole = all || glob.matches(below + name);
                if (whole || depth < glob.depth()) {
                    if (name.startsWith(".")) {
                        skips.add(Skipped.HIDDEN, root + "/" + below + name);
                    } else {
                        folder(entry, root, below + name + "/", depth + 1, whole);
                    }
                }
            });
        }

        private boolean taken(String root, String name, boolean all) {
            if (!all && !glob.matches(name)) {
                return false;
            }
            if (name.startsWith(".", name.lastIndexOf('/') + 1)) {
                skips.add(Skipped.HIDDEN, root + "/" + name);
                return false;
            }
            matched = true;
            return true;
        }
    }
}
