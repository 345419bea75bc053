package dev.longnet.spark;

import java.util.List;
import java.util.stream.Stream;

/**
 * What a task tells all others before its rank starts.
 *
 * @param host the name under which its machine is known to Spark
 * @param port a free port of its host, on which the ranks meet if it is rank 0's
 * @param held whether the run folder holds a run already, as seen from its host
 * @param gpu the GPU that Spark gave it, as CUDA numbers them on its host; empty without
 */
record Greeting(String host, int port, boolean held, String gpu) {
    /** One word a field. */
    String text() {
        return host + " " + port + " " + held + " " + gpu;
    }

    static Greeting parse(String text) {
        String[] words = text.split(" ", 4);
        return new Greeting(words[0], Integer.parseInt(words[1]), Boolean.parseBoolean(words[2]), words[3]);
    }

    static List<Greeting> parse(String[] texts) {
        return Stream.of(texts).map(Greeting::parse).toList();
    }
}
