package dev.longnet.spark;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What every rank runs.
 *
 * @param jars names of the jars of its class path, in order; Spark has brought them to each executor
 * @param mainClass the class whose {@code main} is called
 * @param arguments the arguments of {@code main}, as on the command line
 * @param folder the working folder that relative paths in {@code arguments} are meant from
 */
record Program(List<String> jars, String mainClass, List<String> arguments, String folder) implements Serializable {
    private static final String RESUME = "--resume";

    Program {
        jars = List.copyOf(jars);
        arguments = List.copyOf(arguments);
    }

    /** The run folder, {@code --out}; empty where the arguments name none. */
    Optional<Path> out() {
        return out(arguments).map(out -> Path.of(folder).resolve(out));
    }

    static Optional<String> out(List<String> arguments) {
        String found = null;
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (argument.startsWith("--out=")) {
                found = argument.substring("--out=".length());
            } else if (argument.equals("--out") && i + 1 < arguments.size()) {
                found = arguments.get(i + 1);
            }
        }
        return Optional.ofNullable(found);
    }

    boolean resumes() {
        return arguments.contains(RESUME);
    }

    /** The same, going on with the run that its folder holds. */
    Program resumed() {
        if (resumes()) {
            return this;
        }
        List<String> longer = new ArrayList<>(arguments);
        longer.add(RESUME);
        return new Program(jars, mainClass, longer, folder);
    }
}
