package dev.longnet.read;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.data.Rounds;
import dev.longnet.data.TokenFile;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.Loss;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * Reads a text of any length through a model, piece by piece, and measures how well the model foretells each token.
 *
 * <p>Time a token and memory do not grow with the text. A text that is to be longer than its file is read round after
 * round, its documents each time in another order.
 */
public final class Reading implements AutoCloseable {
    /** Of the documents' orders; a text that is gone on with must have the same. */
    private static final long SEED = 1;

    private final LongNetDecoder model;
    private final Execution execution;
    private final LongNetDecoder.Session session;
    private final Rounds text;
    private final int piece;
    private final int lossChunk;
    private final LossByPosition losses;
    private long read;
    private double lastLoss = Double.NaN;
    private long pendingFrom;
    private Tensor pending;

    /**
     * @param session what has read the text so far; the caller closes it
     * @param read tokens of the text that it has read
     * @param losses what these were foretold like; it is added to
     * @param piece tokens read at once, the more the faster, up to what memory allows
     * @param lossChunk tokens whose logits exist at once
     */
    public Reading(
            LongNetDecoder model,
            Execution execution,
            LongNetDecoder.Session session,
            TokenFile text,
            long read,
            LossByPosition losses,
            int piece,
            int lossChunk) {
        requireArgument(piece > 0, "a piece has at least one token, got %d", piece);
        requireArgument(read >= 0, "a text of which %d tokens were read cannot be gone on with", read);
        requireArgument(text.tokens() > 1, "a text of %d tokens cannot be read; give a longer one", text.tokens());
        this.model = model;
        this.execution = execution;
        this.session = session;
        this.text = new Rounds(text, SEED);
        this.read = read;
        this.losses = losses;
        this.piece = piece;
        this.lossChunk = lossChunk;
    }

    /** Tokens of the text that were read, all rounds together. */
    public long read() {
        return read;
    }

    /**
     * Reads the next piece, which ends where pieces from the text's beginning on would, or at the limit.
     *
     * @param limit tokens of the text that are to be read in all, more than {@link #read}
     */
    public void next(long limit) {
        requireArgument(limit > read, "%d of %d tokens have been read already", read, limit);
        int n = (int) Math.min(piece - session.position() % piece, limit - read);
        int[] tokens = new int[n + 1];
        text.read(read, tokens, 0, tokens.length);
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            long position = session.position();
            Tensor features = session.features(Arrays.copyOf(tokens, n));
            long[] next = Arrays.stream(tokens, 1, n + 1).asLongStream().toArray();
            Tensor targets = Tensors.of(next, model.device(), 1, n);
            Tensor of = Loss.losses(model, features, targets, lossChunk, execution);
            read += n;
            collect(); // while a GPU is at work on this piece, the piece before is looked at
            pending = Scope.own(of);
            pendingFrom = position;
        }
    }

    /** Mean loss of the newest piece that the device is done with; NaN before. */
    public double lossOfLastPiece() {
        return lastLoss;
    }

    /** The losses of all that was read. */
    public LossByPosition losses() {
        collect();
        return losses;
    }

    private void collect() {
        if (pending == null) {
            return;
        }
        try (Tensor of = pending) {
            pending = null;
            float[] all = Tensors.floats(of);
            double sum = 0;
            for (float loss : all) {
                sum += loss;
            }
            lastLoss = sum / all.length;
            if (!losses.add(pendingFrom, all)) {
                throw new LongNetException(
                        "the model's output from token %d on is not finite: its weights are damaged or its training"
                                + " diverged; use an earlier checkpoint or train it with a lower learning rate",
                        pendingFrom);
            }
        }
    }

    @Override
    public void close() {
        if (pending != null) {
            pending.close();
            pending = null;
        }
    }
}
