package dev.longnet.ranks;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A connection between rank 0 and another rank: each tells the other that it lives, that it is done, or why all end. */
final class Line {
    /** What is said. */
    enum Word {
        BEAT,
        WELCOME,
        DONE,
        END
    }

    /** Who listens, on the line's own thread. */
    interface Listener {
        void heard(Line line, Word word, String text);

        /** Nothing more comes: the process at the other end is gone. */
        void broken(Line line);

        /** Nothing came for too long. */
        void silent(Line line);
    }

    private static final int LONGEST = 1 << 20;

    private final int peer;
    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final CountDownLatch ended = new CountDownLatch(1), over = new CountDownLatch(1);
    private volatile boolean closed;

    /** @param peer rank at the other end */
    Line(int peer, Socket socket) throws IOException {
        this.peer = peer;
        this.socket = socket;
        socket.setTcpNoDelay(true);
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
        out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
    }

    int peer() {
        return peer;
    }

    InetAddress here() {
        return socket.getLocalAddress();
    }

    InetAddress there() {
        return socket.getInetAddress();
    }

    void listen(Duration silence, Listener listener) throws IOException {
        socket.setSoTimeout((int) silence.toMillis());
        Background.start("longnet-line-" + peer, () -> read(listener));
    }

    private void read(Listener listener) {
        try {
            while (true) {
                Word word = Word.values()[in.readByte()];
                byte[] text = new byte[Math.min(in.readInt(), LONGEST)];
                in.readFully(text);
                listener.heard(this, word, new String(text, StandardCharsets.UTF_8));
                if (word == Word.END) {
                    ended.countDown();
                }
            }
        } catch (SocketTimeoutException e) {
            if (!closed) {
                listener.silent(this);
            }
        } catch (IOException e) {
            if (!closed) {
                listener.broken(this);
            }
        } finally {
            ended.countDown();
            over.countDown();
        }
    }

    /** Says something, if the other end still listens; that it does not is for the reader to find. */
    synchronized void say(Word word, String text) {
        try {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            out.writeByte(word.ordinal());
            out.writeInt(bytes.length);
            out.write(bytes);
            out.flush();
        } catch (IOException e) {
            // see above
        }
    }

    /** Waits until the other end has said that all end, or is gone. */
    void awaitEnd(long nanos) throws InterruptedException {
        ended.await(nanos, TimeUnit.NANOSECONDS);
    }

    /** Lets the other end read what was said before it finds the line cut. */
    void close(long nanos) {
        closed = true;
        try (socket) {
            socket.shutdownOutput();
            over.await(nanos, TimeUnit.NANOSECONDS);
        } catch (IOException e) {
            // cut already
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
