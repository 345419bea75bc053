package dev.longnet.tensor;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * Owns the native memory made on this thread while it is open and frees it when closed.
 *
 * <p>The Java heap does not see tensor bytes, so no tensor may wait for the garbage collector: a loop opens one scope a
 * step, and what has to outlive the step leaves through {@link #keep}.
 *
 * <pre>{@code
 * try (Scope scope = new Scope()) {
 *     Tensor out = expensive(input);
 *     return scope.keep(out);
 * }
 * }</pre>
 */
public final class Scope implements AutoCloseable {
    static {
        Natives.load();
    }

    private final PointerScope outer = PointerScope.getInnerScope();
    private final PointerScope pointers = new PointerScope();

    /**
     * Hands a pointer to the scope around this one, or to the caller for good when there is none.
     *
     * @return the pointer itself
     */
    public <P extends Pointer> P keep(P pointer) {
        if (pointer != null) {
            if (outer != null) {
                outer.attach(pointer);
            } else {
                pointer.retainReference();
            }
        }
        return pointer;
    }

    /** Takes a pointer out of every scope: it lives until its owner closes it. */
    public static <P extends Pointer> P own(P pointer) {
        pointer.retainReference();
        return pointer;
    }

    @Override
    public void close() {
        pointers.close();
    }
}
