package dev.longnet.app;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.config.Suggestions;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns whatever ends a command early into one sentence on standard error and an exit code; traces only on request. */
public final class Failures {
    static final int FAILED = 1;
    static final int WRONG_CALL = 2;

    private static final String TRACE = "; set LONGNET_DEBUG=1 for the stack trace";

    private final PrintWriter err;
    private final boolean debug;

    Failures(PrintWriter err, boolean debug) {
        this.err = err;
        this.debug = debug;
    }

    /** Writes the sentence and returns the exit code; {@code command} is null where none was found yet. */
    int report(Throwable failure, CommandLine command) {
        String name = command == null ? "longnet" : command.getCommandSpec().qualifiedName();
        boolean wrongCall = isWrongCall(failure);
        String end = wrongCall ? " (see " + name + " --help)" : "";
        err.println(name + ": " + sentence(failure) + end);
        if (debug) {
            failure.printStackTrace(err);
        }
        err.flush();
        return wrongCall ? WRONG_CALL : FAILED;
    }

    /** Other {@link IllegalArgumentException}s come from a bug, which no other call would mend. */
    private static boolean isWrongCall(Throwable failure) {
        return failure instanceof InvalidArgumentException
                || failure instanceof InvalidPathException
                || failure instanceof ParameterException;
    }

    /** What went wrong, in one sentence without a full stop. */
    public static String sentence(Throwable failure) {
        if (failure instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            return unknown(unmatched);
        }
        if (isWrongCall(failure) || failure instanceof LongNetException) {
            return message(failure);
        }
        if (failure instanceof UncheckedIOException unchecked) {
            return file(unchecked.getCause());
        }
        if (failure instanceof IOException io) {
            return file(io);
        }
        if (failure instanceof OutOfMemoryError) {
            return outOfMemory(failure);
        }
        if (failure instanceof LinkageError) {
            return "libtorch cannot be loaded: " + message(failure) + "; run \"longnet doctor\" to see what is missing";
        }
        if (failure.getClass() == RuntimeException.class) { // what JavaCPP makes of an error in libtorch
            return libtorch(message(failure));
        }
        return "this is a mistake in longnet: " + failure.getClass().getSimpleName() + ": " + message(failure) + TRACE;
    }

    private static String libtorch(String message) {
        boolean full = message.contains("allocate memory")
                || message.toLowerCase(Locale.ROOT).contains("out of memory");
        return full
                ? "out of memory: " + message + "; use a shorter length, a smaller batch or --set train.recompute=true"
                : "libtorch: " + message + TRACE;
    }

    /** JavaCPP reports native memory in the same way as the JVM its heap. */
    private static String outOfMemory(Throwable failure) {
        long heap = Runtime.getRuntime().maxMemory();
        return "out of memory (" + message(failure) + "; the Java heap may grow to " + Human.bytes(heap)
                + "): use a shorter length or a smaller batch, or give the heap more with LONGNET_JAVA_OPTS=-Xmx4g";
    }

    private static String file(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return failure.getMessage() + " does not exist";
        }
        if (failure instanceof AccessDeniedException) {
            return failure.getMessage() + " may not be read or written by this user";
        }
        if (failure instanceof FileSystemException named && named.getReason() == null) {
            return named.getFile() + ": " + named.getClass().getSimpleName().replace("Exception", "");
        }
        return message(failure);
    }

    private static String unknown(UnmatchedArgumentException e) {
        String word = e.getUnmatched().get(0);
        CommandLine command = e.getCommandLine();
        boolean option = word.startsWith("-");
        String name = option ? word.split("=", 2)[0] : word;
        Collection<String> known =
                option ? options(command) : command.getSubcommands().keySet();
        String kind = option ? "option" : known.isEmpty() ? "argument" : "command";
        String nearest = Suggestions.nearest(name, known)
                .map(candidate -> "; did you mean " + candidate + "?")
                .orElse(kind.equals("command") ? "; use " + String.join(", ", known) : "");
        return "unknown " + kind + " " + name + nearest;
    }

    private static List<String> options(CommandLine command) {
        List<String> names = new ArrayList<>();
        command.getCommandSpec().options().forEach(option -> names.addAll(List.of(option.names())));
        return names;
    }

    private static String message(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank()
                ? failure.getClass().getSimpleName()
                : message.strip().lines().findFirst().orElseThrow();
    }
}
