package dev.longnet.spark;

import java.util.List;
import java.util.stream.Stream;

/**
 * What a task tells all others before its rank starts.
 *
 * @param port a free port of its host, on which the ranks meet if it is rank 0's
 * @param held whether the run folder holds a run already, as seen from its host
 * @param gpu the GPU that Spark gave it, as CUDA numbers them on its host; empty without
 */
record Greeting(int port, boolean held, String gpu) {
    /** One word a field. */
    String text() {
        return port + " " + held + " " + gpu;
    }

    static Greeting parse(String text) {
        String[] words = text.split(" ", 3);
        return new Greeting(Integer.parseInt(words[0]), Boolean.parseBoolean(words[1]), words[2]);
    }

    static List<Greeting> parse(String[] texts) {
        return Stream.of(texts).map(Greeting::parse).toList();
    }
}
