package dev.longnet.train;

import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/**
 * Parameters that are exchanged together: laid out one after another and cut into one part a rank, all of the same size.
 * A bucket is a block of the model, or what is in no block.
 */
final class Bucket {
    /** Parameters and parts begin at multiples of so many numbers, so that a GPU reads them in whole vectors. */
    private static final long ALIGNMENT = 64;

    private static final Pattern BLOCK = Pattern.compile("layers\\.(\\d+)\\..*");

    /** A parameter and where it lies in the bucket. */
    record Place(String name, Tensor parameter, long offset) {}

    /** Numbers [from, from + count) of a parameter, which lie from {@code at} on in a rank's part. */
    record Piece(Place place, long from, long count, long at) {
        /** These numbers of a tensor of the parameter's shape. */
        Tensor of(Tensor whole) {
            return whole.reshape(-1).narrow(0, from, count);
        }

        /** These numbers of a rank's part. */
        Tensor in(Tensor part) {
            return part.narrow(0, at, count);
        }
    }

    private final int ranks;
    private final List<Place> places = new ArrayList<>();
    private long numbers;

    private Bucket(int ranks) {
        this.ranks = ranks;
    }

    /**
     * The buckets of a model, in the order in which its backward pass is done with them: last block first, and then what
     * is in no block.
     *
     * @param parameters by name, each owned by the caller of {@link #close}
     */
    static List<Bucket> of(Map<String, Tensor> parameters, int ranks) {
        Map<Integer, Bucket> blocks = new LinkedHashMap<>();
        parameters.forEach((name, parameter) -> {
            Matcher matcher = BLOCK.matcher(name);
            int block = matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
            blocks.computeIfAbsent(block, none -> new Bucket(ranks)).add(name, parameter);
        });
        return blocks.keySet().stream()
                .sorted((a, b) -> Integer.compare(b, a))
                .map(blocks::get)
                .toList();
    }

    private void add(String name, Tensor parameter) {
        places.add(new Place(name, parameter, numbers));
        numbers = aligned(numbers + parameter.numel());
    }

    private static long aligned(long count) {
        return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    List<Place> places() {
        return places;
    }

    /** Numbers of a rank's part. */
    long part() {
        return aligned((numbers + ranks - 1) / ranks);
    }

    /** Numbers of all parts. */
    long whole() {
        return part() * ranks;
    }

    /** What a rank's part is made of. */
    List<Piece> pieces(int rank) {
        List<Piece> pieces = new ArrayList<>();
        long begin = rank * part(), end = begin + part();
        for (Place place : places) {
            long from = Math.max(begin, place.offset), to = Math.min(end, place.offset + place.parameter.numel());
            if (from < to) {
                pieces.add(new Piece(place, from - place.offset, to - from, from - begin));
            }
        }
        return pieces;
    }

    /** One tensor's place in numbers laid out as the bucket, in the parameter's shape. */
    static Tensor in(Tensor whole, Place place) {
        return whole.narrow(0, place.offset, place.parameter.numel()).view(Tensors.shape(place.parameter));
    }

    /** The gradients laid out as the bucket, zeros between them; they are taken away from the parameters. */
    Tensor takeGradients() {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor all = Tensors.zeros(Tensors.like(places.get(0).parameter), whole());
            TensorVector to = new TensorVector(), from = new TensorVector();
            for (Place place : places) {
                to.push_back(in(all, place));
                from.push_back(gradient(place));
            }
            Aten.copy(to, from);
            clearGradients();
            return scope.keep(all);
        }
    }

    void clearGradients() {
        places.forEach(place -> place.parameter.mutable_grad().reset());
    }

    /** Fills the parameters from numbers laid out as the bucket. */
    void put(Tensor all) {
        TensorVector to = new TensorVector(), from = new TensorVector();
        for (Place place : places) {
            to.push_back(place.parameter);
            from.push_back(in(all, place));
        }
        Aten.copy(to, from);
    }

    static Tensor gradient(Place place) {
        Tensor gradient = place.parameter.grad();
        if (!gradient.defined()) {
            throw new AssertionError("parameter " + place.name + " has no gradient");
        }
        return gradient;
    }

    void close() {
        places.forEach(place -> place.parameter.close());
    }
}
