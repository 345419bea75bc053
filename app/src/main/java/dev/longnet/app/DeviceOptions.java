package dev.longnet.app;

import picocli.CommandLine.Option;

/** The options {@code --device} and {@code --threads} of commands that compute; use as a mixin. */
final class DeviceOptions {
    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = "auto",
            description =
                    "auto, cpu, cuda, cuda:INDEX or mps, which is untested (default ${DEFAULT-VALUE}: an NVIDIA GPU if any).")
    private String name;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "Threads of the CPU; 0 takes one a core (default).")
    private int threads;

    String name() {
        return name;
    }

    int threads() {
        return threads;
    }
}
