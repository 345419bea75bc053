package dev.longnet.tensor;

import java.util.ArrayList;
import java.util.List;
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
    private static final ThreadLocal<Scope> CURRENT = new ThreadLocal<>();

    private final Scope outer = CURRENT.get();
    private final PointerScope outerPointers = PointerScope.getInnerScope();
    private final PointerScope pointers = new PointerScope();
    private final List<Object> held = new ArrayList<>();

    public Scope() {
        CURRENT.set(this);
    }

    /**
     * Hands a pointer to the scope around this one, or to the caller for good when there is none.
     *
     * @return the pointer itself
     */
    public <P extends Pointer> P keep(P pointer) {
        if (pointer != null) {
            if (outerPointers != null) {
                outerPointers.attach(pointer);
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

    /** Keeps an object reachable until the innermost scope of this thread closes; without a scope, for good. */
    static void hold(Object object) {
        Scope scope = CURRENT.get();
        if (scope != null) {
            scope.held.add(object);
        } else {
            synchronized (UNSCOPED) {
                UNSCOPED.add(object);
            }
        }
    }

    private static final List<Object> UNSCOPED = new ArrayList<>();

    @Override
    public void close() {
        CURRENT.set(outer);
        held.clear();
        pointers.close();
    }
}
