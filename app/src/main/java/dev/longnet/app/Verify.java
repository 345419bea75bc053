package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.io.FileErrors;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Tensors;
import dev.longnet.verify.Verification;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code longnet verify}: this machine's computation held against recorded cases. */
@Command(
        name = "verify",
        description = "Holds attention, or a whole model, against recorded cases and shows relative errors ‖a−b‖/‖b‖.",
        footer = {"", "Exit code 1 if an error is out of bounds or a file cannot be used."})
final class Verify implements Callable<Integer> {
    /** Quantities in the order of the table's columns; a case has those of its kind. */
    private static final List<String> QUANTITIES =
            List.of("out", "lse", "dq", "dk", "dv", "logits", "features", "loss");

    @Spec
    private CommandSpec spec;

    @Parameters(
            arity = "1..*",
            paramLabel = "CASE",
            description = "Safetensors files of recorded cases; a folder stands for those in it.")
    private List<Path> cases;

    @Option(
            names = "--kernel",
            paramLabel = "NAME",
            description =
                    "Attention kernel: reference, aten, hopper or auto; may be repeated (default: reference and aten).")
    private List<String> kernels = List.of("reference", "aten");

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description = "Type it is computed in: float32, float64 or bfloat16 (default: float32; bfloat16 for hopper,"
                    + " and for aten on a GPU).")
    private String dtype;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "auto, cpu, cuda or cuda:INDEX (default: cpu; for hopper an NVIDIA GPU).")
    private String device;

    @Option(
            names = "--stream",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Reads in pieces of N tokens, as \"longnet read\" does, what is else computed at once; causal cases.")
    private int stream;

    @Mixin
    private RankOptions ranks;

    @Mixin
    private OutputOptions options;

    private final List<Verification> results = new ArrayList<>();
    private boolean unusable;
    private Mesh mesh;

    @Override
    public Integer call() {
        return ranks.run(device == null ? "cpu" : device, this::verify);
    }

    private int verify(Mesh mesh) {
        Output output = mesh.first() ? options.output() : Output.NONE;
        this.mesh = mesh;
        requireArgument(stream >= 0, "--stream must be positive, got %d", stream);
        requireArgument(stream == 0 || mesh.world().size() == 1, "--stream is for one rank; leave --ranks out");
        for (String kernel : kernels) { // what cannot be is refused before the first file
            Verification.requireUsable(AttentionKernel.of(kernel), type(kernel), device(kernel));
        }
        for (Path path : cases) {
            files(path, output).forEach(file -> verify(file, output));
        }
        if (!output.json() && !results.isEmpty()) {
            show(output);
        }
        return unusable || results.stream().anyMatch(result -> !result.ok()) ? Failures.FAILED : 0;
    }

    private void verify(Path file, Output output) {
        for (String kernel : kernels) {
            try {
                Verification result = Verification.run(
                        file, AttentionKernel.of(kernel), type(kernel), place(kernel), mesh.world(), stream);
                results.add(result);
                output.json(json(result));
            } catch (RuntimeException e) { // of whatever kind: what does not fit is in the file
                mesh.world().barrier(); // unless it is a rank that has failed, of which this throws the reason
                refuse(file, e, output);
                return;
            }
        }
    }

    private String type(String kernel) {
        return dtype == null ? Verification.usualType(AttentionKernel.of(kernel), device(kernel)) : dtype;
    }

    private String device(String kernel) {
        return device == null ? Verification.usualDevice(AttentionKernel.of(kernel)) : device;
    }

    private String place(String kernel) {
        return mesh.device() == null ? device(kernel) : Tensors.deviceName(mesh.device());
    }

    /** Says which file cannot be used and why; the others go on. */
    private void refuse(Path path, RuntimeException e, Output output) {
        unusable = true;
        String sentence = Failures.sentence(e);
        String named = sentence.contains(path.toString()) ? sentence : path + ": " + sentence;
        spec.commandLine().getErr().println(spec.qualifiedName() + ": " + named);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("case", caseName(path));
        json.put("dtype", type(kernels.get(0)));
        json.put("failure", named);
        json.put("ok", false);
        output.json(json);
    }

    private static String caseName(Path path) {
        return String.valueOf(path.getFileName()).replaceFirst("\\.safetensors$", "");
    }

    /** The cases that a path names; none where it cannot be used, which is said. */
    private List<Path> files(Path path, Output output) {
        try {
            return files(path);
        } catch (LongNetException e) {
            refuse(path, e, output);
            return List.of();
        }
    }

    private static List<Path> files(Path path) {
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        try (var entries = Files.list(path)) {
            List<Path> files = entries.filter(file -> file.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
            if (files.isEmpty()) {
                throw new LongNetException("%s holds no .safetensors file; name a folder of recorded cases", path);
            }
            return files;
        } catch (IOException | UncheckedIOException e) {
            throw FileErrors.reading(path, e instanceof UncheckedIOException u ? u.getCause() : (IOException) e);
        }
    }

    private static Map<String, Object> json(Verification result) {
        Map<String, Double> errors = new LinkedHashMap<>();
        for (String quantity : QUANTITIES) {
            if (result.errors().containsKey(quantity)) {
                errors.put(quantity, result.errors().get(quantity));
            }
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("case", result.caseName());
        json.put("kernel", result.kernel());
        json.put("dtype", result.dtype());
        json.put("errors", errors);
        if (result.skipped() != null) {
            json.put("skipped", result.skipped());
        }
        json.put("ok", result.ok());
        return json;
    }

    private void show(Output output) {
        List<String> quantities = QUANTITIES.stream()
                .filter(quantity ->
                        results.stream().anyMatch(result -> result.errors().containsKey(quantity)))
                .toList();
        List<String> titles = new ArrayList<>(List.of("case", "kernel", "dtype"));
        titles.addAll(quantities);
        titles.add("");
        Table table = new Table(titles.toArray(String[]::new));
        for (Verification result : results) {
            List<Object> cells = new ArrayList<>(List.of(result.caseName(), result.kernel(), result.dtype()));
            for (String quantity : quantities) {
                Double error = result.errors().get(quantity);
                cells.add(error == null ? "-" : String.format(Locale.ROOT, "%.1e", error));
            }
            cells.add(result.skipped() != null ? "skipped" : result.ok() ? "ok" : "FAILED");
            table.row(cells.toArray());
        }
        output.say(table);
        results.stream()
                .filter(result -> result.skipped() != null)
                .forEach(result -> output.say("%s skipped: %s", result.caseName(), result.skipped()));
    }
}
