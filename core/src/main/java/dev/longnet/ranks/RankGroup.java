package dev.longnet.ranks;

import org.bytedeco.pytorch.Tensor;

/**
 * Ranks that exchange tensors. All of them call the same methods in the same order, with sizes that fit; a size that does
 * not fit is found before anything is sent, and named.
 *
 * <p>What is started is done once its {@link Exchange} was awaited; until then the tensors given belong to it. Tensors are
 * contiguous, on the device that the group was made for, and may be empty. Sums are exact to the type given: sum in
 * float32.
 */
public interface RankGroup {
    /** This rank, 0 ≤ rank < size. */
    int rank();

    int size();

    /**
     * Sends neighbouring rows of {@code in} to one rank after another and puts what they sent into {@code out}, in their
     * order.
     *
     * @param out (Σ outRows, …)
     * @param in (Σ inRows, …), rows of the same shape and type
     * @param outRows rows that come from each rank, may be 0
     * @param inRows rows that go to each rank, may be 0
     */
    Exchange allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows);

    /**
     * Sums over the ranks and leaves each rank its part.
     *
     * @param out n numbers, the rank's part of the sum
     * @param in size · n numbers
     */
    Exchange reduceScatter(Tensor out, Tensor in);

    /**
     * Puts the ranks' parts together on every rank.
     *
     * @param out size · n numbers; may contain {@code in} at its place
     * @param in n numbers
     */
    Exchange allGather(Tensor out, Tensor in);

    /** Sums over the ranks, in place, to the same bits on every rank. */
    Exchange allReduce(Tensor sum);

    /** Gives every rank the numbers of rank {@code root}, in place. */
    Exchange broadcast(Tensor tensor, int root);

    /** A few numbers of every rank, by rank; waits for them. */
    long[][] allGather(long... numbers);

    /** Waits until every rank is here, for as long as they live. */
    void barrier();

    /** Bytes of tensors that this rank has sent to others so far. */
    long bytesSent();

    /** A group of this rank alone, which exchanges nothing. */
    RankGroup ALONE = new Alone();
}
