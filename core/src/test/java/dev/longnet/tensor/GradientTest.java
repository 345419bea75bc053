package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Functions of ours in libtorch's graph: right gradients, whatever happens to scopes, and nothing left behind. */
class GradientTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    /** a·b·c, each of another shape, with its gradient by hand. */
    private static Tensor product(Tensor a, Tensor b, Tensor c) {
        try (Scope scope = new Scope()) {
            Tensor plainA = a.detach(), plainB = b.detach(), plainC = c.detach();
            Tensor out = plainA.mul(plainB).mul(plainC);
            Gradient.Backward backward = g -> new Tensor[] {
                g.mul(plainB).mul(plainC).sum(1).unsqueeze(1),
                g.mul(plainA).mul(plainC).sum(0),
                g.mul(plainA).mul(plainB).sum()
            };
            Tensor[] saved = {plainA, plainB, plainC};
            return scope.keep(Gradient.attach(out, saved, backward, a, b, c));
        }
    }

    private static Tensor leaf(long... shape) {
        return Tensors.randn(F64, shape).set_requires_grad(true);
    }

    private static void collectGarbage() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(10);
        }
    }

    @Test
    void givesTheGradientsOfInputsOfAnyShape() {
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            Tensor weight = Tensors.randn(F64, 3, 5);
            product(a, b, c).mul(weight).sum().backward();
            Tensor[] ours = {a.grad().clone(), b.grad().clone(), c.grad().clone()};
            for (Tensor input : new Tensor[] {a, b, c}) {
                input.mutable_grad().reset();
            }
            a.mul(b).mul(c).mul(weight).sum().backward();
            assertThat(Tensors.relativeError(ours[0], a.grad())).isLessThan(1e-14);
            assertThat(Tensors.relativeError(ours[1], b.grad())).isLessThan(1e-14);
            assertThat(Tensors.relativeError(ours[2], c.grad())).isLessThan(1e-14);
        }
    }

    @Test
    void givesGradientsAndAddsThemToNothing() {
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            Tensor weight = Tensors.randn(F64, 3, 5);
            Tensor[] ours = Gradient.of(product(a, b, c), weight, a, b, c);
            assertThat(a.grad().defined()).isFalse();
            a.mul(b).mul(c).mul(weight).sum().backward();
            assertThat(Tensors.relativeError(ours[0], a.grad())).isLessThan(1e-14);
            assertThat(Tensors.relativeError(ours[1], b.grad())).isLessThan(1e-14);
            assertThat(Tensors.relativeError(ours[2], c.grad())).isLessThan(1e-14);
        }
    }

    @Test
    void reachesInputsThatAreOneOfManyResultsAndSkipsThoseWithoutAGraph() {
        try (Scope scope = new Scope()) {
            Tensor rows = leaf(2, 5);
            Tensor a = Tensors.randn(F64, 3, 1), c = leaf();
            product(a, rows.unbind().get(1), c).sum().backward();
            assertThat(a.grad().defined()).isFalse();
            Tensor expected = a.sum().mul(c.detach()).expand(5L);
            assertThat(Tensors.relativeError(rows.grad().select(0, 1), expected))
                    .isLessThan(1e-14);
            assertThat(Tensors.doubles(rows.grad().select(0, 0))).containsOnly(0);
        }
    }

    @Test
    void aGraphOutlivesTheScopeItWasMadeIn() throws InterruptedException {
        int before = GraphNode.alive();
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            Tensor out;
            try (Scope inner = new Scope()) {
                out = inner.keep(product(a, b, c).sum());
            }
            collectGarbage();
            assertThat(GraphNode.alive()).isEqualTo(before + 1);
            out.backward();
            assertThat(Tensors.relativeError(c.grad(), a.mul(b).sum())).isLessThan(1e-14);
        }
        assertThat(GraphNode.alive()).isEqualTo(before);
    }

    @Test
    void aGraphThatIsDroppedLeavesNothing() {
        int before = GraphNode.alive();
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            try (Scope inner = new Scope()) {
                product(product(a, b, c).sum(1).unsqueeze(1), b, c);
                assertThat(GraphNode.alive()).isEqualTo(before + 2);
            }
            assertThat(GraphNode.alive()).isEqualTo(before);
        }
    }

    @Test
    void whatWasSavedIsFreedAsSoonAsItWasUsed() {
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            Tensor saved = Tensors.zeros(F64, 7);
            saved.retainReference();
            Tensor out = Gradient.attach(a.detach(), new Tensor[] {saved}, g -> new Tensor[] {g.add(saved.sum())}, a);
            assertThat(saved.referenceCount()).isEqualTo(3);
            out.sum().backward();
            assertThat(saved.referenceCount()).isEqualTo(2);
            saved.releaseReference();
            assertThat(out.requires_grad()).isTrue();
        }
    }

    @Test
    void aKeptGraphIsWalkedTwiceAndAFreedOneSaysSo() throws InterruptedException {
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3, 1), b = leaf(5), c = leaf();
            Tensor out = product(a, b, c);
            Tensor ones = Tensors.full(1, F64, 3, 5);
            walk(out, ones, true, false);
            Tensor once = c.grad().clone();
            walk(out, ones, false, false);
            assertThat(Tensors.relativeError(c.grad(), once.mul(new Scalar(2.0))))
                    .isLessThan(1e-14);
            collectGarbage();
            assertThatThrownBy(() -> walk(out, ones, false, false))
                    .hasMessageContaining("the graph was walked backward before");
        }
    }

    @Test
    void secondDerivativesAreRefused() {
        try (Scope scope = new Scope()) {
            Tensor out = product(leaf(3, 1), leaf(5), leaf());
            assertThatThrownBy(() -> walk(out, Tensors.full(1, F64, 3, 5), true, true))
                    .hasMessageContaining("first derivatives only");
        }
    }

    @Test
    void anErrorInTheBackwardPassArrivesAndLeavesNothing() {
        int before = GraphNode.alive();
        try (Scope scope = new Scope()) {
            Tensor a = leaf(3);
            Tensor out = Gradient.attach(
                    a.detach(),
                    new Tensor[0],
                    g -> {
                        throw new IllegalStateException("no gradient today");
                    },
                    a);
            assertThatThrownBy(() -> out.sum().backward()).hasMessageContaining("no gradient today");
        }
        assertThat(GraphNode.alive()).isEqualTo(before);
    }

    /** A node that throws, below one that walks its own graph backward, as recomputation does. */
    private static Tensor thrower(Tensor a, Throwable what) {
        return Gradient.attach(
                a.detach(),
                new Tensor[0],
                g -> {
                    try (var on = Gradient.on()) {
                        Tensor leaf = leaf(3);
                        Gradient.Backward inner = gradOut -> {
                            if (what instanceof Error error) {
                                throw error;
                            }
                            throw (RuntimeException) what;
                        };
                        Gradient.backward(Gradient.attach(leaf.detach(), new Tensor[0], inner, leaf), g);
                        return new Tensor[] {leaf.grad()};
                    }
                },
                a);
    }

    @Test
    void whatABackwardThrowsComesOutAsItIs() {
        int before = GraphNode.alive();
        for (Throwable what : new Throwable[] {
            new LongNetException("rank 1 on host b is gone\nand does not come back"),
            new InvalidArgumentException("3 is not even"),
            new OutOfMemoryError("Java heap space")
        }) {
            try (Scope scope = new Scope()) {
                Tensor a = leaf(3), ones = Tensors.full(1, F64, 3);
                assertThatThrownBy(() -> Gradient.backward(thrower(a, what), ones))
                        .isSameAs(what);
                assertThatThrownBy(() -> Gradient.of(thrower(a, what), ones, a)).isSameAs(what);
                // Thrown where nobody takes it, it is not the cause of what fails later.
                assertThatThrownBy(() -> thrower(a, what).sum().backward()).hasMessageContaining(what.getMessage());
                assertThatThrownBy(() -> Gradient.backward(a.mul(a), Tensors.full(1, F64, 4)))
                        .isNotSameAs(what)
                        .hasMessageContaining("shape");
            }
        }
        assertThat(GraphNode.alive()).isEqualTo(before);
    }

    private static void walk(Tensor out, Tensor gradOut, boolean keep, boolean create) {
        out.backward(gradOut, new BoolOptional(keep), create, new TensorArrayRefOptional());
    }
}
