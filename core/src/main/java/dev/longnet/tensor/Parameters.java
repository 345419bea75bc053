package dev.longnet.tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The trained tensors of a module. */
public final class Parameters {
    private Parameters() {}

    /** An uninitialised float32 tensor on the CPU; a module is moved to its device as a whole. */
    public static Tensor empty(long... shape) {
        return Tensors.empty(Tensors.options(ScalarType.Float, Tensors.cpu()), shape);
    }

    /** Makes a tensor a parameter of a module under a name. */
    public static Tensor register(Module module, String name, Tensor tensor) {
        module.register_parameter(name, tensor, true);
        return tensor;
    }

    /** All parameters of a module by their full names, in the order in which they were registered. */
    public static Map<String, Tensor> of(Module module) {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        StringTensorDict dictionary = module.named_parameters();
        StringVector names = dictionary.keys();
        for (long i = 0; i < names.size(); i++) {
            String name = names.get(i).getString();
            parameters.put(name, new Tensor(dictionary.get(name)));
        }
        return parameters;
    }

    /** Number of trained values. */
    public static long count(Module module) {
        try (Scope scope = new Scope()) {
            return of(module).values().stream().mapToLong(Tensor::numel).sum();
        }
    }
}
