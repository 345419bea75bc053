package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.GpuMemory;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.tensor.TestDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Hopper's kernels run after run: the same bits, on several threads, in a graph; on a machine that has such a GPU. */
class HopperRunsTest {
    private static final int BYTES = 64 << 20;

    private Device gpu;

    @BeforeEach
    void onHopper() {
        gpu = Scope.own(TestDevice.hopper());
    }

    @AfterEach
    void asBefore() {
        Compute.deterministic(false);
    }

    private Stream<HopperCase> cases() {
        return Stream.concat(
                Stream.of(HopperCase.large(gpu)), IntStream.range(1000, 1006).mapToObj(i -> HopperCase.random(i, gpu)));
    }

    @Test
    void repeatsBitsWhenAskedToBeDeterministic() {
        Compute.deterministic(true);
        try (Scope scope = new Scope()) {
            cases().forEach(inputs -> {
                HopperCase.Answers first = inputs.answers(AttentionKernel.HOPPER);
                for (int i = 0; i < 5; i++) {
                    TestDevice.poison(gpu, BYTES);
                    HopperCase.Answers again = inputs.answers(AttentionKernel.HOPPER);
                    assertThat(again.out().equal(first.out()))
                            .as("out, " + inputs)
                            .isTrue();
                    assertThat(again.lse().equal(first.lse()))
                            .as("lse, " + inputs)
                            .isTrue();
                    assertThat(again.dq().equal(first.dq())).as("dq, " + inputs).isTrue();
                    assertThat(again.dk().equal(first.dk())).as("dk, " + inputs).isTrue();
                    assertThat(again.dv().equal(first.dv())).as("dv, " + inputs).isTrue();
                }
            });
        }
    }

    @Test
    void forwardAlwaysRepeatsBits() {
        try (Scope scope = new Scope()) {
            cases().forEach(inputs -> {
                Result first = forward(inputs);
                for (int i = 0; i < 10; i++) {
                    Result again = forward(inputs);
                    assertThat(again.out().equal(first.out()))
                            .as("out, " + inputs)
                            .isTrue();
                    assertThat(again.lse().equal(first.lse()))
                            .as("lse, " + inputs)
                            .isTrue();
                }
            });
        }
    }

    @Test
    void gradientsOfPackedInputsLieSideBySide() {
        Compute.deterministic(true);
        try (Scope scope = new Scope()) {
            int heads = 6, kvHeads = 2, dim = 24;
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("100:1,301:3"), true, dim);
            Tensor packed = HopperCase.packed(gpu, ScalarType.BFloat16, 2, 333, heads + 2 * kvHeads, dim);
            Tensor dout = HopperCase.packed(gpu, ScalarType.BFloat16, 2, 333, heads, dim);
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
            HopperCase inputs = new HopperCase(parts.q(), parts.k(), parts.v(), dout, spec);
            HopperCase.Answers apart = inputs.answers(AttentionKernel.HOPPER);
            TestDevice.poison(gpu, BYTES);
            Tensor gradient = AttentionKernel.AUTO.backwardPacked(dout, packed, heads, apart.out(), apart.lse(), spec);
            assertThat(gradient.equal(Tensors.cat(2, apart.dq(), apart.dk(), apart.dv())))
                    .isTrue();
        }
    }

    @Test
    void autogradTakesTheGradients() {
        Compute.deterministic(true);
        try (Scope scope = new Scope()) {
            HopperCase inputs = HopperCase.large(gpu);
            HopperCase.Answers plain = inputs.answers(AttentionKernel.HOPPER);
            Tensor q = inputs.q().detach().clone().set_requires_grad(true);
            Tensor k = inputs.k().detach().clone().set_requires_grad(true);
            Tensor v = inputs.v().detach().clone().set_requires_grad(true);
            Tensor out = Attention.attend(q, k, v, inputs.spec(), AttentionKernel.AUTO);
            Gradient.backward(out, inputs.dout());
            assertThat(out.equal(plain.out())).isTrue();
            assertThat(q.grad().equal(plain.dq())).isTrue();
            assertThat(k.grad().equal(plain.dk())).isTrue();
            assertThat(v.grad().equal(plain.dv())).isTrue();
        }
    }

    @Test
    void threadsLaunchAtTheSameTime() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try {
            List<Future<Boolean>> threads = new ArrayList<>();
            for (int seed = 3000; seed < 3004; seed++) {
                int own = seed;
                threads.add(pool.submit(() -> repeats(own)));
            }
            for (Future<Boolean> same : threads) {
                assertThat(same.get()).isTrue();
            }
        } finally {
            pool.shutdown();
        }
    }

    private boolean repeats(int seed) {
        try (Scope scope = new Scope()) {
            HopperCase inputs = HopperCase.random(seed, gpu);
            Tensor first = inputs.answers(AttentionKernel.HOPPER).out();
            boolean same = true;
            for (int i = 0; i < 30; i++) {
                try (Scope step = new Scope()) {
                    same &= inputs.answers(AttentionKernel.HOPPER).out().equal(first);
                }
            }
            return same;
        }
    }

    @Test
    void keepsNoMemory() {
        try (Scope scope = new Scope()) {
            HopperCase inputs = HopperCase.random(4000, gpu);
            long before = GpuMemory.held(gpu);
            for (int i = 0; i < 20; i++) {
                try (Scope step = new Scope()) {
                    inputs.answers(AttentionKernel.HOPPER);
                }
            }
            assertThat(GpuMemory.held(gpu)).isLessThanOrEqualTo(before);
        }
    }

    private static Result forward(HopperCase inputs) {
        return Attention.forward(inputs.q(), inputs.k(), inputs.v(), inputs.spec(), AttentionKernel.HOPPER);
    }
}
