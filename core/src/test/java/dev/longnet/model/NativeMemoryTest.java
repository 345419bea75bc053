package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Native memory stays flat over thousands of steps, with and without the garbage collector's help. */
class NativeMemoryTest {
    /** Growth in resident memory that is still noise: caches of libtorch and the JVM. */
    private static final long NOISE = 48L << 20;

    private static final int[] TEXT = Models.text(11);

    private interface Step {
        void run(int step) throws Exception;
    }

    /**
     * @param hooks hooks that a step hands to libtorch; each leaves an empty record, without native memory behind it, to
     *     the garbage collector
     */
    private static void staysFlat(int steps, int hooks, Step step) throws Exception {
        long pointers = 0, bytes = 0, resident = 0, collected = 0;
        for (int i = 0; i <= steps; i++) {
            if (i == 200) {
                System.gc();
                Thread.sleep(50);
                pointers = Pointer.totalCount();
                bytes = Pointer.totalBytes();
                resident = residentBytes();
            }
            if (i % 250 == 17) {
                System.gc(); // catches what it must not free
                collected = i;
            }
            step.run(i);
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(pointers + 8 + hooks * (steps - collected + 1));
        assertThat(Pointer.totalBytes()).isLessThanOrEqualTo(bytes + 4096);
        assertThat(residentBytes() - resident).isLessThan(NOISE);
    }

    /** Second field of statm, in pages; 0 where there is no such file. */
    private static long residentBytes() throws IOException {
        Path statm = Path.of("/proc/self/statm");
        return Files.exists(statm) ? Long.parseLong(Files.readString(statm).split(" ")[1]) * 4096 : 0;
    }

    private static Tensor loss(LongNetDecoder model, boolean recompute) {
        Execution execution = Execution.PLAIN
                .withKernel(AttentionKernel.ATEN)
                .withActivations(Execution.Activations.of(recompute, false))
                .withDropout(true);
        Tensor tokens = Models.tokens(TEXT);
        Tensor logits = model.logits(model.features(tokens, execution), execution);
        return Ops.crossEntropySum(logits.flatten(0, 1), tokens.flatten(0, 1));
    }

    private static void clear(LongNetDecoder model) {
        Parameters.of(model).values().forEach(p -> p.mutable_grad().reset());
    }

    @Test
    void overTrainingSteps() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float, "layers=1", "dropout=0.1");
            for (boolean recompute : List.of(false, true)) {
                staysFlat(recompute ? 600 : 1400, recompute ? 6 : 2, i -> {
                    try (Scope step = new Scope()) {
                        loss(model, recompute).backward();
                        clear(model);
                    }
                });
            }
        }
    }

    @Test
    void overTrainingStepsInBfloat16() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float, "layers=1", "dropout=0.1");
            for (Execution.Activations activations : Execution.Activations.values()) {
                Execution execution = Execution.PLAIN
                        .withNumbers(Execution.Numbers.BFLOAT16)
                        .withActivations(activations)
                        .withDropout(true);
                staysFlat(600, 6, i -> {
                    try (Scope step = new Scope()) {
                        Tensor features = model.features(Models.tokens(TEXT), execution);
                        if (i % 3 > 0) { // every third graph is dropped
                            features.sum().backward();
                            Parameters.of(model)
                                    .values()
                                    .forEach(p -> p.mutable_grad().reset());
                        }
                    }
                });
            }
        }
    }

    @Test
    void overGraphsThatAreDropped() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float, "layers=1", "dropout=0.1");
            staysFlat(1000, 2, i -> {
                try (Scope step = new Scope()) {
                    loss(model, i % 2 == 0);
                }
            });
        }
    }

    @Test
    void overTokensOfASession() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float, "layers=1");
            try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                staysFlat(2000, 0, i -> session.read(i % Models.VOCABULARY).close());
            }
        }
    }

    @Test
    void overSessionsAndEvaluations() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float, "layers=1");
            staysFlat(450, 2, i -> {
                try (Scope step = new Scope();
                        LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                    session.read(TEXT);
                    model.forward(Models.tokens(TEXT));
                }
            });
        }
    }
}
