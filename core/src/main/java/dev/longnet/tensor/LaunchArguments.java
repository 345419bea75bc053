package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.pytorch.Tensor;

/**
 * Native room for the arguments of a thread's launches, used again by each: the driver copies arguments before a launch
 * returns.
 *
 * <p>It begins with the addresses of the arguments, as the driver takes them; the arguments follow.
 */
final class LaunchArguments {
    /** Most arguments of a launch. */
    static final int MOST = 64;

    /** What a struct may ask for; all arguments get it. */
    private static final int ALIGNMENT = 64;

    /** CUDA takes at most 32 764 bytes of arguments. */
    private static final int BYTES = (32 << 10) + MOST * (Long.BYTES + ALIGNMENT);

    private static final ThreadLocal<LaunchArguments> MINE = ThreadLocal.withInitial(LaunchArguments::new);

    private final ByteBuffer bytes =
            ByteBuffer.allocateDirect(BYTES + ALIGNMENT).alignedSlice(ALIGNMENT).order(ByteOrder.nativeOrder());
    private final BytePointer pointer = Scope.own(new BytePointer(bytes));
    private final PointerPointer<Pointer> addresses = new PointerPointer<>(pointer);

    /**
     * Writes arguments down and returns their addresses, which hold until this thread's next launch.
     *
     * @param sizes bytes of each parameter of the kernel
     */
    static PointerPointer<Pointer> put(String kernel, int[] sizes, Object[] arguments) {
        requireArgument(
                arguments.length == sizes.length,
                "kernel %s takes %d arguments, got %d",
                kernel,
                sizes.length,
                arguments.length);
        LaunchArguments mine = MINE.get();
        mine.bytes.position(MOST * Long.BYTES);
        for (int i = 0; i < arguments.length; i++) {
            int start = (mine.bytes.position() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            mine.bytes.position(start).putLong(i * Long.BYTES, mine.pointer.address() + start);
            mine.put(arguments[i]);
            int size = mine.bytes.position() - start;
            requireArgument(
                    size == sizes[i],
                    "argument %d of kernel %s has %d bytes, not the %d of its parameter",
                    i,
                    kernel,
                    size,
                    sizes[i]);
        }
        return mine.addresses;
    }

    private void put(Object argument) {
        if (argument == null) {
            bytes.putLong(0);
        } else if (argument instanceof Tensor tensor) {
            requireArgument(
                    tensor.is_cuda(),
                    "a kernel's tensors are on its GPU, got one on %s",
                    Tensors.deviceName(tensor.device()));
            bytes.putLong(Tensors.address(tensor));
        } else if (argument instanceof Integer number) {
            bytes.putInt(number);
        } else if (argument instanceof Long number) {
            bytes.putLong(number);
        } else if (argument instanceof Float number) {
            bytes.putFloat(number);
        } else if (argument instanceof Double number) {
            bytes.putDouble(number);
        } else if (argument instanceof ByteBuffer struct) {
            bytes.put(struct.duplicate());
        } else {
            throw new AssertionError("no kernel takes a " + argument.getClass());
        }
    }
}
