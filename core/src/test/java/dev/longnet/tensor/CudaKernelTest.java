package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A small source of our own, compiled and launched; skipped without an NVIDIA GPU. */
class CudaKernelTest {
    private static final int THREADS = 32;

    private Device gpu;

    @BeforeEach
    void aGpuIsHere() {
        gpu = Scope.own(TestDevice.of("cuda"));
    }

    private CudaModule module() {
        return CudaModule.of(gpu, CudaKernelTest.class, "add/add.cu", Map.of("THREADS", THREADS));
    }

    private TensorOptions numbers() {
        return Tensors.options(ScalarType.Float, gpu);
    }

    @Test
    void takesEveryKindOfArgument() {
        try (Scope scope = new Scope()) {
            Tensor x = Tensors.range(0, THREADS, numbers()), y = Tensors.zeros(numbers(), THREADS);
            CudaKernel each = module().kernel("each");
            each.launch(1, 1, THREADS, 1, 4 * THREADS, 1, 2f, 3.0, 4L, x, y);
            assertThat(Tensors.floats(y)).startsWith(10, 11, 12).endsWith(41);
            each.launch(1, 1, THREADS, 1, 100 << 10, 1, 2f, 3.0, 4L, null, y); // more than 48 KB
            assertThat(Tensors.floats(y)).containsOnly(10);
        }
    }

    @Test
    void takesAStructAndAGridOfTwoDimensions() {
        try (Scope scope = new Scope()) {
            Tensor x = Tensors.range(0, 6 * THREADS, numbers()), y = Tensors.zeros(numbers(), 6 * THREADS);
            ByteBuffer struct = ByteBuffer.allocate(40).order(ByteOrder.nativeOrder());
            struct.putInt(1).putFloat(2).putDouble(3).putLong(4);
            struct.putLong(Tensors.address(x)).putLong(Tensors.address(y)).flip();
            module().kernel("add").launch(3, 2, THREADS, 1, 0, struct);
            assertThat(y.equal(x.add(Tensors.full(10, numbers(), 1)))).isTrue();
        }
    }

    @Test
    void readsConstants() {
        assertThat(module().constants("shape", 3)).containsExactly(THREADS, 2 * THREADS, -1);
        assertThat(module()).isSameAs(module());
    }

    @Test
    void launchesOnTheCurrentStreamOfAThreadThatNeverUsedCuda() throws Exception {
        CompletableFuture<float[]> read = new CompletableFuture<>();
        Tensor[] x = new Tensor[2];
        try (Scope scope = new Scope()) {
            x[0] = Tensors.range(0, THREADS, numbers());
            x[1] = Tensors.zeros(numbers(), THREADS);
            CudaModule module = module();
            Compute.synchronize(gpu);
            Thread thread = new Thread(() -> {
                try (Scope inner = new Scope()) {
                    CUDAStream before = torch_cuda.getCurrentCUDAStream();
                    module.kernel("each").launch(1, 1, THREADS, 1, 4 * THREADS, 1, 2f, 3.0, 4L, x[0], x[1]);
                    before.synchronize();
                    torch_cuda.setCurrentCUDAStream(torch_cuda.getStreamFromPool());
                    module.kernel("each").launch(1, 1, THREADS, 1, 4 * THREADS, 1, 2f, 3.0, 4L, x[1], x[1]);
                    read.complete(Tensors.floats(x[1])); // on the same stream
                } catch (Throwable e) {
                    read.completeExceptionally(e);
                }
            });
            thread.start();
            assertThat(read.get()).startsWith(20, 21, 22);
            thread.join();
        }
    }

    @Test
    void refusesWhatDoesNotFitItsParameters() {
        try (Scope scope = new Scope()) {
            Tensor x = Tensors.zeros(numbers(), THREADS);
            CudaKernel each = module().kernel("each");
            assertThatThrownBy(() -> each.launch(1, 1, THREADS, 1, 0, 1, 2f, 3.0, 4, x, x))
                    .hasMessage("argument 3 of kernel each has 4 bytes, not the 8 of its parameter");
            assertThatThrownBy(() -> each.launch(1, 1, THREADS, 1, 0, 1, 2f))
                    .hasMessage("kernel each takes 6 arguments, got 2");
            assertThatThrownBy(() -> each.launch(1, 65536, THREADS, 1, 0, 1, 2f, 3.0, 4L, x, x))
                    .hasMessageContaining("cannot have a grid of 1 × 65536 blocks");
            assertThatThrownBy(() -> each.launch(1, 1, 4096, 1, 0, 1, 2f, 3.0, 4L, x, x))
                    .isInstanceOf(LongNetException.class)
                    .hasMessageContaining("launching kernel each failed: CUDA error 1");
            Tensor host = Tensors.zeros(Tensors.options(ScalarType.Float, Tensors.cpu()), THREADS);
            assertThatThrownBy(() -> each.launch(1, 1, THREADS, 1, 0, 1, 2f, 3.0, 4L, host, x))
                    .hasMessageContaining("cpu");
        }
    }

    @Test
    void saysWhatTheCompilerSays() {
        assertThatThrownBy(() -> CudaModule.of(gpu, CudaKernelTest.class, "add/wrong.cu", Map.of()))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("wrong.cu(1): error: identifier \"nowhere\" is undefined");
        assertThatThrownBy(() -> module().kernel("subtract"))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("looking for kernel subtract failed");
    }
}
