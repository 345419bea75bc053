package dev.longnet.spark;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/**
 * The start of a rank's process: runs a program and goes down with the process that started it.
 *
 * <p>The parent keeps this process's standard input open and writes nothing. Its end, however it came, closes the
 * pipe, and then nobody waits for this rank: it stops at once and saves nothing, since another attempt may be at work
 * in the run folder by then.
 */
public final class Child {
    /** The exit code once the parent is gone. */
    private static final int ORPHAN = 143;

    private Child() {}

    /** Calls {@code main} of the class that the first argument names with the arguments after it. */
    public static void main(String[] args) throws Throwable {
        Thread watch = new Thread(Child::haltWithParent, "parent");
        watch.setDaemon(true);
        watch.start();
        Object arguments = Arrays.copyOfRange(args, 1, args.length);
        try {
            Class.forName(args[0]).getMethod("main", String[].class).invoke(null, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static void haltWithParent() {
        try {
            while (System.in.read() >= 0) {
                // Nothing is said on it.
            }
        } catch (IOException e) {
            // The pipe is broken: the parent is gone as well.
        }
        Runtime.getRuntime().halt(ORPHAN);
    }
}
