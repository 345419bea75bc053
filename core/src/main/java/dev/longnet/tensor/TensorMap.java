package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;
import static dev.longnet.tensor.CudaDriver.check;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.bytedeco.cuda.cudart.CUtensorMap;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Strided views of tensors as Hopper's bulk loads take them: a load names a box by coordinates. */
public final class TensorMap {
    /** Size of a map. */
    public static final int BYTES = 128;

    private static final int ALIGNMENT = 64;
    private static final ThreadLocal<TensorMap> MINE = ThreadLocal.withInitial(TensorMap::new);

    private final ByteBuffer bytes =
            ByteBuffer.allocateDirect(BYTES + ALIGNMENT).alignedSlice(ALIGNMENT);
    private final BytePointer pointer = Scope.own(new BytePointer(bytes));
    private final CUtensorMap map = new CUtensorMap(pointer);

    private TensorMap() {}

    /**
     * Writes a map of a bfloat16, float16 or float32 tensor: boxes come and go under the 128-byte swizzle, with zeros for
     * what lies outside.
     *
     * @param to where 128 bytes go
     * @param at index of the first
     * @param shape numbers along each axis, the one of neighbouring numbers first
     * @param strides numbers from one to the next along every axis but the first, multiples of 16 bytes; not sorted
     * @param box numbers that a load takes along each axis
     */
    public static void put(ByteBuffer to, int at, Tensor tensor, long[] shape, long[] strides, int... box) {
        long bytes = tensor.element_size();
        long[] byteStrides = Arrays.stream(strides).map(s -> s * bytes).toArray();
        int[] step = new int[shape.length];
        Arrays.fill(step, 1);
        TensorMap mine = MINE.get();
        try (var on = CudaDriver.on(CudaDriver.gpu(tensor.device()));
                var address = tensor.data_ptr()) {
            check(
                    cudart.cuTensorMapEncodeTiled(
                            mine.map,
                            type(tensor),
                            shape.length,
                            address,
                            shape,
                            byteStrides,
                            box,
                            step,
                            cudart.CU_TENSOR_MAP_INTERLEAVE_NONE,
                            cudart.CU_TENSOR_MAP_SWIZZLE_128B,
                            cudart.CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                            cudart.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                    "mapping a tensor of " + Arrays.toString(shape) + " with strides " + Arrays.toString(strides));
        }
        to.put(at, mine.bytes, 0, BYTES);
    }

    private static int type(Tensor tensor) {
        ScalarType type = Tensors.type(tensor);
        if (type == ScalarType.Float) {
            return cudart.CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
        }
        requireArgument(
                type == ScalarType.BFloat16 || type == ScalarType.Half,
                "tensor maps are made of bfloat16, float16 and float32, got %s",
                type);
        return type == ScalarType.Half
                ? cudart.CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                : cudart.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    }
}
