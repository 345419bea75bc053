package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.ranks.LauncherVariables;
import dev.longnet.ranks.Mesh;
import dev.longnet.ranks.RankPlace;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/**
 * The options {@code --ranks} and {@code --sequence-ranks} of commands that compute over several processes; use as a
 * {@link Mixin}. The processes are started here on this machine, or by a launcher that says so in the environment.
 */
final class RankOptions {
    @Spec(Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--ranks",
            paramLabel = "COUNT",
            description =
                    "Processes on this machine that compute together, on GPUs one each (default: 1). Under torchrun's"
                            + " variables, Slurm or Kubernetes the launcher starts them; docs/cluster.md says how.")
    private Integer ranks;

    @Option(
            names = "--sequence-ranks",
            paramLabel = "COUNT",
            description = "Ranks that share each sequence, a divisor of all (default: all of them).")
    private Integer sequenceRanks;

    /** What a rank does; returns the command's exit code. */
    interface Body {
        int run(Mesh mesh);
    }

    /**
     * Runs the body on this rank, or starts ranks that do.
     *
     * @param device as the user named it
     * @return the exit code
     */
    int run(String device, Body body) {
        requireArgument(ranks == null || ranks > 0, "--ranks must be positive, got %s", ranks);
        requireArgument(
                sequenceRanks == null || sequenceRanks > 0, "--sequence-ranks must be positive, got %s", sequenceRanks);
        // A launcher's only process, such as a shell of srun, may start ranks as one without a launcher does.
        Optional<RankPlace> place = LauncherVariables.read(System.getenv()).filter(one -> one.size() > 1);
        int size = place.map(RankPlace::size).orElse(ranks == null ? 1 : ranks);
        requireArgument(
                ranks == null || ranks == size,
                "--ranks %s and a launcher that has started %d do not fit; leave --ranks out under a launcher",
                ranks,
                size);
        int sequence = sequenceRanks == null ? size : sequenceRanks;
        Mesh.requireFit(size, sequence);
        if (size == 1) {
            return body.run(Mesh.ALONE);
        }
        if (place.isEmpty()) {
            return LocalRanks.run(size, root().getParseResult().originalArgs(), command.commandLine());
        }
        LocalRanks.endWithLauncher();
        return RankProcess.run(place.get(), device, sequence, body);
    }

    private CommandLine root() {
        CommandLine root = command.commandLine();
        while (root.getParent() != null) {
            root = root.getParent();
        }
        return root;
    }
}
