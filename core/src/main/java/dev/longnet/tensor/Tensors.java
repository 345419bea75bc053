package dev.longnet.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Making tensors and moving numbers between them and Java. */
public final class Tensors {
    static {
        Natives.load();
    }

    /** Bytes that a thread of a GPU loads at once. */
    public static final int VECTOR = 16;

    private Tensors() {}

    public static TensorOptions options(ScalarType type, Device device) {
        return new TensorOptions().dtype(new ScalarTypeOptional(type)).device(new DeviceOptional(device));
    }

    /** Type and device of another tensor. */
    public static TensorOptions like(Tensor tensor) {
        return tensor.options();
    }

    /** Device of another tensor, with a type of its own. */
    public static TensorOptions like(Tensor tensor, ScalarType type) {
        return tensor.options().dtype(new ScalarTypeOptional(type));
    }

    /** Uninitialised, with shape, type and device of a contiguous tensor. */
    public static Tensor emptyLike(Tensor tensor) {
        return torch.empty_like(tensor);
    }

    public static Tensor empty(TensorOptions options, long... shape) {
        return torch.empty(shape, options, new MemoryFormatOptional());
    }

    public static Tensor zeros(TensorOptions options, long... shape) {
        return torch.zeros(shape, options);
    }

    public static Tensor full(double value, TensorOptions options, long... shape) {
        return torch.full(shape, new Scalar(value), options);
    }

    /** Normal random numbers from libtorch's generator, which {@link Compute#seed} seeds. */
    public static Tensor randn(TensorOptions options, long... shape) {
        return torch.randn(shape, options);
    }

    /** start, start + 1, …, end − 1. */
    public static Tensor range(long start, long end, TensorOptions options) {
        return torch.arange(new Scalar(start), new Scalar(end), options);
    }

    public static Tensor cat(long dimension, Tensor... parts) {
        return torch.cat(new TensorVector(parts), dimension);
    }

    public static Tensor stack(long dimension, Tensor... parts) {
        return stack(dimension, new TensorVector(parts));
    }

    public static Tensor stack(long dimension, TensorVector parts) {
        return torch.stack(parts, dimension);
    }

    /** Strided view that starts {@code offset} elements after the tensor's own first element. */
    public static Tensor strided(Tensor tensor, long[] shape, long[] strides, long offset) {
        return tensor.as_strided(shape, strides, new LongOptional(tensor.storage_offset() + offset));
    }

    /** An uninitialised tensor in host memory that a GPU reads and writes by itself. */
    public static Tensor pinned(ScalarType type, long... shape) {
        return empty(options(type, cpu()).pinned_memory(new BoolOptional(true)), shape);
    }

    /** The int64 tensor of these numbers on a device; nobody waits until a GPU has them. */
    public static Tensor of(long[] values, Device device, long... shape) {
        Tensor host = host(ScalarType.Long, values.length, device);
        if (values.length > 0) { // an empty tensor has no address
            new LongPointer(host.data_ptr()).put(values);
        }
        return moved(host, device, shape);
    }

    /** The float64 tensor of these numbers on a device; nobody waits until a GPU has them. */
    public static Tensor of(double[] values, Device device, long... shape) {
        Tensor host = host(ScalarType.Double, values.length, device);
        if (values.length > 0) {
            new DoublePointer(host.data_ptr()).put(values);
        }
        return moved(host, device, shape);
    }

    private static Tensor host(ScalarType type, long length, Device device) {
        return device.is_cuda() ? pinned(type, length) : empty(options(type, cpu()), length);
    }

    private static Tensor moved(Tensor host, Device device, long... shape) {
        Tensor there = host.to(device, type(host), true, false, new MemoryFormatOptional());
        return there.view(shape.length == 0 ? new long[] {host.numel()} : shape);
    }

    public static float[] floats(Tensor tensor) {
        Tensor host = tensor.detach().to(cpu(), ScalarType.Float).contiguous();
        float[] values = new float[Math.toIntExact(host.numel())];
        if (values.length > 0) { // an empty tensor has no address
            new FloatPointer(host.data_ptr()).get(values);
        }
        return values;
    }

    public static double[] doubles(Tensor tensor) {
        Tensor host = tensor.detach().to(cpu(), ScalarType.Double).contiguous();
        double[] values = new double[Math.toIntExact(host.numel())];
        if (values.length > 0) { // an empty tensor has no address
            new DoublePointer(host.data_ptr()).get(values);
        }
        return values;
    }

    public static long[] longs(Tensor tensor) {
        Tensor host = tensor.detach().to(cpu(), ScalarType.Long).contiguous();
        long[] values = new long[Math.toIntExact(host.numel())];
        if (values.length > 0) { // an empty tensor has no address
            new LongPointer(host.data_ptr()).get(values);
        }
        return values;
    }

    /** A scalar's value; waits for the device. */
    public static double item(Tensor scalar) {
        return scalar.detach().to(cpu(), ScalarType.Double).item_double();
    }

    /**
     * The bytes of a contiguous host tensor, in place.
     *
     * @param start first byte of the window
     * @param count bytes in the window, at most 2³¹ − 1
     */
    public static ByteBuffer bytes(Tensor hostTensor, long start, int count) {
        BytePointer pointer = new BytePointer(hostTensor.data_ptr());
        return pointer.position(start).limit(start + count).asBuffer().order(ByteOrder.nativeOrder());
    }

    /** A copy with its numbers one after another. */
    public static Tensor copy(Tensor tensor) {
        return empty(like(tensor), shape(tensor)).copy_(tensor);
    }

    /**
     * The tensor, or a copy, with the numbers of its last axis together and all else in steps of {@value #VECTOR} bytes, as
     * GPUs load at once.
     */
    public static Tensor inVectors(Tensor tensor) {
        long last = tensor.dim() - 1;
        boolean fits = tensor.stride(last) == 1 && address(tensor) % VECTOR == 0;
        for (long axis = 0; axis < last; axis++) {
            fits &= tensor.stride(axis) > 0 && tensor.stride(axis) * tensor.element_size() % VECTOR == 0;
        }
        return fits ? tensor : copy(tensor);
    }

    /** The address of a tensor's first element, on its device. */
    public static long address(Tensor tensor) {
        return tensor.data_ptr().address();
    }

    /** The element type, as a constant that {@code ==} compares. */
    public static ScalarType type(Tensor tensor) {
        return tensor.scalar_type().intern();
    }

    /** Name of the device that a tensor is on, such as cpu or cuda:0. */
    public static String deviceName(Tensor tensor) {
        try (Scope scope = new Scope()) {
            return deviceName(tensor.device());
        }
    }

    /** Name of a device, such as cpu or cuda:0. */
    public static String deviceName(Device device) {
        try (Scope scope = new Scope()) {
            return device.str().getString();
        }
    }

    public static long[] shape(Tensor tensor) {
        long[] shape = new long[(int) tensor.dim()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = tensor.size(i);
        }
        return shape;
    }

    /**
     * ‖a − b‖ / ‖b‖ in float64, or ‖a − b‖ where b is zero up to rounding (‖b‖ below 1e-9); NaN or infinity when
     * something is not finite.
     */
    public static double relativeError(Tensor a, Tensor b) {
        try (Scope scope = new Scope()) {
            Tensor wide = b.detach().to(cpu(), ScalarType.Double);
            Tensor difference = a.detach().to(cpu(), ScalarType.Double).sub(wide);
            double error = difference.norm().item_double(), size = wide.norm().item_double();
            return size < 1e-9 ? error : error / size;
        }
    }

    public static Device cpu() {
        return new Device("cpu");
    }
}
