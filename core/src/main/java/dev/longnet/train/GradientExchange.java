package dev.longnet.train;

import dev.longnet.ranks.Exchange;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Sums gradients over the ranks while the backward pass goes on: a bucket is sent as soon as the pass is done with it,
 * and each rank gets the sum of its part.
 */
final class GradientExchange implements AutoCloseable {
    /** Buckets that are under way at once; each holds its gradients a second time. */
    private static final int AT_ONCE = 2;

    private final RankGroup world;
    private final List<Bucket> buckets;
    private final Tensor[] sent;
    private final Tensor[] parts;
    private final Exchange[] exchanges;
    private int started;
    private int awaited;

    GradientExchange(RankGroup world, List<Bucket> buckets) {
        this.world = world;
        this.buckets = buckets;
        sent = new Tensor[buckets.size()];
        parts = new Tensor[buckets.size()];
        exchanges = new Exchange[buckets.size()];
    }

    /** The gradients of the next bucket are complete. */
    void startNext() {
        if (started - awaited == AT_ONCE) {
            awaitNext();
        }
        Bucket bucket = buckets.get(started);
        try (Scope scope = new Scope()) {
            sent[started] = Scope.own(bucket.takeGradients());
            parts[started] = Scope.own(Tensors.empty(Tensors.like(sent[started]), bucket.part()));
        }
        exchanges[started] = world.reduceScatter(parts[started], sent[started]);
        started++;
    }

    private void awaitNext() {
        exchanges[awaited].await();
        sent[awaited].close();
        sent[awaited++] = null;
    }

    /** This rank's part of each bucket's gradients, once all are here; they live until {@link #clear}. */
    Tensor[] parts() {
        while (started < buckets.size()) {
            startNext();
        }
        while (awaited < started) {
            awaitNext();
        }
        return parts;
    }

    /** Forgets the gradients; the next ones may come. */
    void clear() {
        for (int i = 0; i < parts.length; i++) {
            close(parts[i]);
            close(sent[i]);
            parts[i] = sent[i] = null;
        }
        started = awaited = 0;
    }

    private static void close(Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    @Override
    public void close() {
        clear();
    }
}
