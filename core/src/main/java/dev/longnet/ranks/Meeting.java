package dev.longnet.ranks;

import dev.longnet.LongNetException;
import dev.longnet.ranks.Line.Word;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How ranks find each other: rank 0 listens on the master's port until all others have called, and then tells each who is
 * where. A call counts if it names the same attempt.
 */
final class Meeting {
    /** Where a rank finds the store of addresses, and where the others find the rank. */
    record Point(String storeHost, int storePort, String address) {}

    private record Greeting(String attempt, int size, int rank, String host) {
        static Greeting read(DataInputStream in) throws IOException {
            if (in.readLong() != MAGIC) {
                throw new IOException("not a rank");
            }
            Greeting greeting = new Greeting(in.readUTF(), in.readInt(), in.readInt(), in.readUTF());
            if (greeting.rank < 0 || greeting.rank >= greeting.size) {
                throw new IOException("not a rank");
            }
            return greeting;
        }

        void write(DataOutputStream out) throws IOException {
            out.writeLong(MAGIC);
            out.writeUTF(attempt);
            out.writeInt(size);
            out.writeInt(rank);
            out.writeUTF(host);
            out.flush();
        }
    }

    private static final long MAGIC = 0x4C4F4E474E455431L; // LONGNET1
    private static final String LOOPBACK = "127.0.0.1", LOCAL = "localhost";
    private static final int RETRY_MILLIS = 200, BACKLOG = 1024;
    private static final Duration PORT_LIMIT = Duration.ofSeconds(20);

    private final RankPlace place;
    private final RankLimits limits;
    private final Watch watch;
    private final Line[] arrived;
    private final String[] hosts;

    Meeting(RankPlace place, RankLimits limits, Watch watch) {
        this.place = place;
        this.limits = limits;
        this.watch = watch;
        arrived = new Line[place.size()];
        hosts = new String[place.size()];
        hosts[0] = place.host();
    }

    /** Rank 0's part: waits for all others. */
    Point host(int storePort) {
        long deadline = System.nanoTime() + limits.meeting().toNanos();
        try (ServerSocket server = listen()) {
            Background.start("longnet-meeting", () -> accept(server));
            while (!missing().isEmpty()) {
                if (System.nanoTime() > deadline) {
                    watch.end(missing() + " of " + place.size() + " did not come to " + place.masterAddress() + ":"
                            + place.masterPort() + " within " + limits.meeting().toSeconds()
                            + " s; see their logs, and give all the same MASTER_ADDR, MASTER_PORT and LONGNET_ATTEMPT or"
                            + " raise LONGNET_MEETING_SECONDS");
                }
                watch.pause();
            }
        } catch (IOException e) {
            throw new LongNetException(
                    e,
                    "%s cannot listen on port %d (%s); set MASTER_PORT to a free one on all ranks",
                    watch.name(),
                    place.masterPort(),
                    e.getMessage());
        }
        return welcome(storePort);
    }

    private ServerSocket listen() throws IOException {
        long deadline = System.nanoTime()
                + Math.min(PORT_LIMIT.toNanos(), limits.meeting().toNanos());
        while (true) {
            ServerSocket server = new ServerSocket();
            try {
                server.setReuseAddress(true);
                server.bind(new InetSocketAddress(place.masterPort()), BACKLOG);
                return server;
            } catch (IOException e) { // perhaps the end of an earlier attempt still holds it
                server.close();
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                sleep();
            }
        }
    }

    private void accept(ServerSocket server) {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                Background.start("longnet-greeting", () -> greet(socket));
            } catch (IOException e) {
                // closed, or the caller has gone
            }
        }
    }

    private void greet(Socket socket) {
        try {
            socket.setSoTimeout((int) limits.silence().toMillis());
            Greeting greeting = Greeting.read(new DataInputStream(socket.getInputStream()));
            boolean known = greeting.attempt.equals(place.attempt());
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeBoolean(known);
            if (known) {
                out.writeUTF(place.host());
                out.flush();
                admit(greeting, new Line(greeting.rank, socket));
            } else {
                socket.close();
            }
        } catch (IOException e) { // no rank, or no longer there
            try {
                socket.close();
            } catch (IOException again) {
                // so be it
            }
        }
    }

    private synchronized void admit(Greeting greeting, Line line) {
        String wrong = greeting.size != place.size()
                ? "rank " + greeting.rank + " on host " + greeting.host + " was told of " + greeting.size
                        + " ranks and " + watch.name() + " of " + place.size() + "; give all the same WORLD_SIZE"
                : hosts[greeting.rank] != null
                        ? "two processes, on hosts " + hosts[greeting.rank] + " and " + greeting.host
                                + ", say that they are rank " + greeting.rank + "; give each its own RANK"
                        : null;
        if (wrong != null) {
            line.say(Word.END, wrong);
            watch.end(wrong);
            return;
        }
        hosts[greeting.rank] = greeting.host;
        arrived[greeting.rank] = line;
        watch.add(line, greeting.host);
    }

    /** The ranks that have not come, as a sentence begins; empty when all are there. */
    private synchronized String missing() {
        List<Integer> ranks = IntStream.range(1, place.size())
                .filter(rank -> arrived[rank] == null)
                .boxed()
                .toList();
        String text = ranks.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return ranks.isEmpty() ? "" : (ranks.size() == 1 ? "rank " : "ranks ") + text;
    }

    /** Tells all who is where. Ranks beside rank 0 call it over the loopback; the others know its machine by a name. */
    private Point welcome(int storePort) {
        watch.met(hosts);
        String here = LOOPBACK;
        for (Line line : watch.lines()) {
            if (!line.there().isLoopbackAddress()) {
                here = text(line.here());
            }
        }
        for (Line line : watch.lines()) {
            String there = line.there().isLoopbackAddress() ? here : text(line.there());
            List<String> words = new ArrayList<>(List.of(String.valueOf(storePort), there));
            words.addAll(List.of(hosts));
            line.say(Word.WELCOME, String.join("\n", words));
        }
        return new Point(LOCAL, storePort, here);
    }

    private static String text(InetAddress address) {
        return address.getHostAddress().replaceFirst("%.*", "");
    }

    /** Another rank's part: calls rank 0, and waits until all are there. */
    Point join() {
        call();
        String[] words = watch.awaitWelcome().split("\n");
        System.arraycopy(words, 2, hosts, 0, hosts.length);
        watch.met(hosts);
        return new Point(text(watch.lines().get(0).there()), Integer.parseInt(words[0]), words[1]);
    }

    /** Calls rank 0, which may not be up yet, until it answers. */
    private void call() {
        long deadline = System.nanoTime() + limits.meeting().toNanos();
        while (true) {
            String problem;
            Socket socket = new Socket();
            try {
                int patience = (int) limits.silence().toMillis();
                socket.connect(new InetSocketAddress(place.masterAddress(), place.masterPort()), patience);
                socket.setSoTimeout(patience);
                new Greeting(place.attempt(), place.size(), place.rank(), place.host())
                        .write(new DataOutputStream(socket.getOutputStream()));
                DataInputStream in = new DataInputStream(socket.getInputStream());
                if (in.readBoolean()) {
                    watch.add(new Line(0, socket), in.readUTF());
                    return;
                }
                problem = "it belongs to another LONGNET_ATTEMPT";
            } catch (IOException e) {
                problem = String.valueOf(e.getMessage());
            }
            try {
                socket.close();
            } catch (IOException e) {
                // it was not open
            }
            if (System.nanoTime() > deadline) {
                throw new LongNetException(
                        "%s did not reach rank 0 at %s:%d within %d s (%s); is rank 0 running there? See its log, correct"
                                + " MASTER_ADDR and MASTER_PORT, or raise LONGNET_MEETING_SECONDS",
                        watch.name(),
                        place.masterAddress(),
                        place.masterPort(),
                        limits.meeting().toSeconds(),
                        problem);
            }
            sleep();
        }
    }

    private void sleep() {
        try {
            Thread.sleep(RETRY_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LongNetException(e, "%s was interrupted while it waited for other ranks", watch.name());
        }
    }
}
