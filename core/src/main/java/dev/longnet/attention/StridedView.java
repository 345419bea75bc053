package dev.longnet.attention;

import dev.longnet.attention.BranchLayout.Box;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Shows a box of kept rows as a (batch, heads, rows, D) tensor without copying.
 *
 * <p>A box has up to four axes beside rows and D: example, segment, residue and head. Flash attention knows two, so the
 * two longest become its batch and heads, in this order, and the others are looped over. Examples and segments are one axis when a
 * sequence is whole segments.
 */
final class StridedView {
    /** One axis: a step along it moves so many examples, positions and heads. */
    private record Axis(long size, long examples, long positions, long heads) {
        long stride(long exampleStride, long positionStride, long headStride) {
            return examples * exampleStride + positions * positionStride + heads * headStride;
        }

        /** The steps from {@code from} on, at most so many. */
        Axis part(long from, long most) {
            return new Axis(Math.min(most, size - from), examples, positions, heads);
        }
    }

    /** What is done with one head of one segment. */
    interface HeadAction {
        /**
         * @param i step along the view's first axis
         * @param j step along its second
         * @param position of the head's first row, in its example
         */
        void accept(long i, long j, long example, long position, int head);
    }

    private final Axis first;
    private final Axis second;
    private final long example;
    private final long position;
    private final long head;
    private final Box box;

    private StridedView(Axis first, Axis second, long example, long position, long head, Box box) {
        this.first = first;
        this.second = second;
        this.example = example;
        this.position = position;
        this.head = head;
        this.box = box;
    }

    /**
     * The views that cover a box of every example from {@code firstExample} on.
     *
     * @param most steps of an axis of one view
     */
    static List<StridedView> of(Box box, long firstExample, long examples, long length, long most) {
        List<Axis> axes = new ArrayList<>();
        if (box.segments() * box.segment() == length) {
            axes.add(new Axis(examples * box.segments(), 0, box.segment(), 0)); // example e is segment e·N/w
        } else {
            axes.add(new Axis(examples, 1, 0, 0));
            axes.add(new Axis(box.segments(), 0, box.segment(), 0));
        }
        axes.add(new Axis(box.residues(), 0, 1, box.headStep()));
        axes.add(new Axis(box.heads(), 0, 0, 1));
        List<Axis> longest = new ArrayList<>(axes);
        longest.sort(Comparator.comparingLong(Axis::size).reversed()); // stable
        List<Axis> shown = new ArrayList<>(axes), looped = longest.subList(2, longest.size());
        shown.removeAll(looped);
        List<StridedView> views = new ArrayList<>();
        loop(shown, looped, 0, firstExample, box.start(), box.firstHead(), box, most, views);
        return views;
    }

    private static void loop(
            List<Axis> shown,
            List<Axis> looped,
            int depth,
            long example,
            long position,
            long head,
            Box box,
            long most,
            List<StridedView> views) {
        if (depth == looped.size()) {
            new StridedView(shown.get(0), shown.get(1), example, position, head, box).cut(most, views);
            return;
        }
        Axis axis = looped.get(depth);
        for (long i = 0; i < axis.size(); i++) {
            loop(
                    shown,
                    looped,
                    depth + 1,
                    example + i * axis.examples(),
                    position + i * axis.positions(),
                    head + i * axis.heads(),
                    box,
                    most,
                    views);
        }
    }

    /** Adds the view in parts with at most so many steps of an axis. */
    private void cut(long most, List<StridedView> views) {
        for (long i = 0; i < first.size(); i += most) {
            for (long j = 0; j < second.size(); j += most) {
                views.add(new StridedView(
                        first.part(i, most),
                        second.part(j, most),
                        example + i * first.examples() + j * second.examples(),
                        position + i * first.positions() + j * second.positions(),
                        head + i * first.heads() + j * second.heads(),
                        box));
            }
        }
    }

    /** Visits every head of every segment of the view, in sequences of {@code length} tokens. */
    void forEachHead(long length, HeadAction action) {
        for (long i = 0; i < first.size(); i++) {
            for (long j = 0; j < second.size(); j++) {
                long at = position + i * first.positions() + j * second.positions(); // goes on into the next examples
                action.accept(
                        i, j, example + i * first.examples() + j * second.examples() + at / length, at % length, (int)
                                (head + i * first.heads() + j * second.heads()));
            }
        }
    }

    /** The rows of a (B, N, H, D) tensor whose examples follow each other without a gap. */
    Tensor of(Tensor tensor) {
        long e = tensor.stride(0), p = tensor.stride(1), h = tensor.stride(2);
        return Tensors.strided(
                tensor,
                new long[] {first.size(), second.size(), box.rows(), tensor.size(3)},
                new long[] {first.stride(e, p, h), second.stride(e, p, h), box.ratio() * p, tensor.stride(3)},
                example * e + position * p + head * h);
    }

    /** Copies the rows of a (B, N, H, D) tensor, packed, to the first rows of each head of a (B, H, capacity, D) tensor. */
    void copyRows(Tensor tensor, Tensor packed) {
        long e = packed.stride(0), h = packed.stride(1);
        Tensor target = Tensors.strided(
                packed,
                new long[] {first.size(), second.size(), box.rows(), packed.size(3)},
                new long[] {first.stride(e, 0, h), second.stride(e, 0, h), packed.stride(2), packed.stride(3)},
                example * e + head * h);
        target.copy_(of(tensor));
    }

    /**
     * Whether this view and part show every row of a (B, N, H, D) tensor, batch and heads in their places, so that a
     * result (first, rows, second, D) in memory is the whole tensor.
     */
    boolean isWhole(Damping.Part part, Tensor tensor) {
        return part.rows() == box.rows()
                && first.heads() == 0
                && second.heads() == 1
                && second.size() == tensor.size(2)
                && first.size() * box.rows() == tensor.size(0) * tensor.size(1);
    }

    /** Kept rows of each head. */
    long rows() {
        return box.rows();
    }

    int ratio() {
        return box.ratio();
    }

    /** Whether the segments have all of their tokens. */
    boolean full() {
        return box.full();
    }

    /** The same rows of a (B, H, N) tensor. */
    Tensor ofLse(Tensor tensor) {
        long e = tensor.stride(0), h = tensor.stride(1), p = tensor.stride(2);
        return Tensors.strided(
                tensor,
                new long[] {first.size(), second.size(), box.rows()},
                new long[] {first.stride(e, p, h), second.stride(e, p, h), box.ratio() * p},
                example * e + position * p + head * h);
    }
}
