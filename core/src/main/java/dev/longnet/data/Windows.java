package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

/**
 * Training batches from a token file: windows of N + 1 tokens, each position's target being the next token.
 *
 * <p>An epoch cuts the file into windows of N tokens from a place below N that its number and the seed choose, so borders
 * vary, and visits each once in a seeded order. Windows share one token, the target of the one and the first input of the
 * next. The few tokens before the first and after the last window wait for another epoch. Batches run over the ends of
 * epochs; the order depends on the file's size, N and the seed alone.
 */
public final class Windows {
    private final TokenFile file;
    private final int length;
    private final int batch;
    private final long seed;
    private final int[] window;

    private long epoch;
    private long position;
    private long phase;
    private Permutation order;

    /**
     * Begins at the start of epoch 0.
     *
     * @param length tokens a window N
     * @param batch windows a batch B
     * @throws IllegalArgumentException if the file has fewer than N + 1 tokens
     */
    public Windows(TokenFile file, int length, int batch, long seed) {
        requireArgument(length >= 1, "a window needs at least 1 token, got %d", length);
        requireArgument(batch >= 1, "a batch needs at least 1 window, got %d", batch);
        requireArgument(
                batch * (length + 1L) <= Integer.MAX_VALUE - 8,
                "a batch of %d windows of %d tokens does not fit into an array; lower train.batch or train.length",
                batch,
                length);
        requireArgument(
                file.tokens() > length,
                "the data has %d tokens but a window of %d needs %d; lower train.length or add data",
                file.tokens(),
                length,
                length + 1L);
        this.file = file;
        this.length = length;
        this.batch = batch;
        this.seed = seed;
        window = new int[length + 1];
        beginEpoch(0);
    }

    /**
     * Some windows.
     *
     * @param tokens (rows, columns), row-major
     * @param rows windows, B for all
     * @param columns tokens of each, N + 1 for all
     */
    public record Batch(long[] tokens, int rows, int columns) {}

    /**
     * A place in the order of windows.
     *
     * @param epoch number of epochs finished
     * @param position number of windows visited in this one
     */
    public record State(long epoch, long position) {
        public State {
            requireArgument(
                    epoch >= 0 && position >= 0,
                    "a place in the data cannot be negative, got epoch %d position %d",
                    epoch,
                    position);
        }
    }

    /** The next B windows. */
    public Batch next() {
        return next(0, batch, 0, length + 1);
    }

    /**
     * Goes on by B windows and reads some columns of some of them.
     *
     * @param firstRow first of {@code rows} windows
     * @param firstColumn first of {@code columns} of their N + 1 tokens
     */
    public Batch next(int firstRow, int rows, int firstColumn, int columns) {
        requireArgument(
                firstRow >= 0 && rows >= 0 && firstRow + rows <= batch,
                "windows %d … %d are not all in a batch of %d",
                firstRow,
                firstRow + rows - 1,
                batch);
        requireArgument(
                firstColumn >= 0 && columns >= 0 && columns <= length + 1 - firstColumn,
                "tokens %d … %d are not all in a window of %d",
                firstColumn,
                firstColumn + columns - 1,
                length + 1);
        long[] tokens = new long[rows * columns];
        for (int row = 0; row < batch; row++) {
            int to = row - firstRow;
            if (to >= 0 && to < rows) {
                file.read(phase + order.at(position) * length + firstColumn, window, 0, columns);
                for (int column = 0; column < columns; column++) {
                    tokens[to * columns + column] = window[column];
                }
            }
            position++;
            if (position == order.size()) {
                beginEpoch(epoch + 1);
            }
        }
        return new Batch(tokens, rows, columns);
    }

    /** Number of windows in the current epoch; it differs by at most one between epochs. */
    public long windows() {
        return order.size();
    }

    /** Where {@link #next} goes on. */
    public State state() {
        return new State(epoch, position);
    }

    /**
     * Goes on from another {@code Windows} of the same file, length and seed.
     *
     * @throws IllegalArgumentException if there is no such place
     */
    public void restore(State state) {
        beginEpoch(state.epoch());
        requireArgument(
                state.position() < order.size(),
                "position %d is not below the %d windows of epoch %d; resume with the same data and train.length",
                state.position(),
                order.size(),
                state.epoch());
        position = state.position();
    }

    private void beginEpoch(long number) {
        epoch = number;
        position = 0;
        // A file of less than two windows leaves less room.
        long phases = Math.min(length, file.tokens() - length);
        phase = Long.remainderUnsigned(Mix.mix(seed, 2 * number), phases);
        order = new Permutation((file.tokens() - 1 - phase) / length, Mix.mix(seed, 2 * number + 1));
    }
}
