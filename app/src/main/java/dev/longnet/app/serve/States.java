package dev.longnet.app.serve;

import dev.longnet.LongNetException;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.read.LossByPosition;
import dev.longnet.read.StateFile;
import dev.longnet.train.TrainedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What the model has read, by name: files in a folder, so that nothing is lost with the process, of which those that were
 * used last stay in memory.
 */
final class States implements AutoCloseable {
    private static final String SUFFIX = ".lns";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}");

    private final Path folder;
    private final TrainedModel trained;
    private final StateFile files;
    private final long bytesInMemory;
    private final Map<String, Loaded> loaded = new LinkedHashMap<>(16, 0.75f, true);
    private final Set<String> underWay = new HashSet<>();

    /**
     * A state as a client sees it.
     *
     * @param id its name
     * @param created seconds since 1970
     * @param tokens that were read
     * @param bytes of its file
     * @param loss mean of all tokens, or null if nobody knows
     */
    record Description(
            String id, long created, long tokens, long bytes, Double loss, List<LossByPosition.Range> byPosition) {}

    /** A state in memory, there for as long as somebody uses it. */
    final class Loaded {
        private final LongNetDecoder.Session session;
        private int users;
        private boolean dropped;

        private Loaded(LongNetDecoder.Session session) {
            this.session = session;
        }

        /** To be copied; nobody reads on with it. */
        LongNetDecoder.Session session() {
            return session;
        }

        void release() {
            synchronized (States.this) {
                users--;
                closeIfUnused();
            }
        }

        private void closeIfUnused() {
            if (dropped && users == 0) {
                session.close();
            }
        }
    }

    /** @param bytesInMemory of states that stay though nobody uses them */
    States(Path folder, TrainedModel trained, long bytesInMemory) {
        this.folder = folder;
        this.trained = trained;
        this.bytesInMemory = bytesInMemory;
        files = new StateFile(trained.model());
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new LongNetException(
                    e, "the folder %s for states cannot be made; name another with --states", folder);
        }
    }

    /** A session that goes on from a state, or from nothing where it is null; the caller closes it. */
    static LongNetDecoder.Session session(TrainedModel trained, Loaded base) {
        return base == null
                ? trained.model().newSession(trained.execution())
                : base.session().copy();
    }

    /** All states, by name. */
    List<Description> list() {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString())
                    .filter(name -> name.endsWith(SUFFIX))
                    .map(name -> name.substring(0, name.length() - SUFFIX.length()))
                    .filter(name -> NAME.matcher(name).matches())
                    .map(this::find)
                    .flatMap(Optional::stream)
                    .sorted(Comparator.comparing(Description::id))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The state of this name, unless there is none that can be read. */
    Optional<Description> find(String name) {
        Path path = path(name);
        try {
            Map<String, String> notes = StateFile.notes(path);
            LossByPosition losses = notes.containsKey("losses") ? LossByPosition.parse(notes.get("losses")) : null;
            return Optional.of(new Description(
                    name,
                    Files.getLastModifiedTime(path).toMillis() / 1000,
                    Long.parseLong(notes.get("position")),
                    Files.size(path),
                    losses == null || losses.ranges().isEmpty() ? null : losses.mean(),
                    losses == null ? List.of() : losses.ranges()));
        } catch (IOException | LongNetException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** @throws Refusal if there is no such state */
    Description require(String name) {
        return find(name).orElseThrow(() -> unknown(name));
    }

    /**
     * The state of this name in memory; release it after use.
     *
     * @throws Refusal if there is none that this model can go on from
     */
    Loaded load(String name) {
        synchronized (this) {
            Loaded known = loaded.get(name);
            if (known != null) {
                known.users++;
                return known;
            }
        }
        require(name);
        LongNetDecoder.Session session = trained.model().newSession(trained.execution());
        try {
            files.load(path(name), session);
        } catch (LongNetException e) {
            session.close();
            throw Refusal.of("state", e.getMessage());
        } catch (RuntimeException | Error e) {
            session.close();
            throw e;
        }
        synchronized (this) {
            Loaded now = new Loaded(session);
            now.users++;
            drop(loaded.put(name, now));
            shrink();
            return now;
        }
    }

    /**
     * Keeps a name for a state that is to be written.
     *
     * @throws Refusal if it is no name or taken
     */
    synchronized void reserve(String name) {
        if (name == null || !NAME.matcher(name).matches()) {
            throw Refusal.of(
                    "name",
                    "a state needs a name of 1 to 64 letters, digits, dots, dashes and underscores that does not begin"
                            + " with a dot");
        }
        if (Files.exists(path(name)) || !underWay.add(name)) {
            throw new Refusal(409, "name", "there is a state " + name + " already; delete it or take another name");
        }
    }

    /** Gives the name back, whether or not it was used. */
    synchronized void unreserve(String name) {
        underWay.remove(name);
    }

    /** Writes what a session has read under a name that was reserved. */
    Description save(String name, LongNetDecoder.Session session, Map<String, String> notes) {
        files.save(path(name), session, notes);
        synchronized (this) {
            drop(loaded.remove(name)); // of an older one, loaded while it was deleted
        }
        return require(name);
    }

    /** @throws Refusal if there is no such state */
    void delete(String name) {
        try {
            Files.delete(path(name));
        } catch (NoSuchFileException e) {
            throw unknown(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        synchronized (this) {
            drop(loaded.remove(name));
        }
    }

    private static Refusal unknown(String name) {
        return new Refusal(404, "state", "there is no state \"" + name + "\"; GET /v1/states lists those there are");
    }

    private Path path(String name) {
        if (!NAME.matcher(name).matches()) {
            throw unknown(name);
        }
        return folder.resolve(name + SUFFIX);
    }

    private void drop(Loaded state) {
        if (state != null) {
            state.dropped = true;
            state.closeIfUnused();
        }
    }

    /** Lets go of those that were used longest ago, but for the newest. */
    private void shrink() {
        long bytes =
                loaded.values().stream().mapToLong(each -> each.session.bytes()).sum();
        for (String name : new ArrayList<>(loaded.keySet())) {
            if (bytes <= bytesInMemory || loaded.size() == 1) {
                return;
            }
            Loaded oldest = loaded.remove(name);
            bytes -= oldest.session.bytes();
            drop(oldest);
        }
    }

    @Override
    public synchronized void close() {
        loaded.values().forEach(this::drop);
        loaded.clear();
    }
}
