package dev.longnet.ranks;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.KeyStore;
import dev.longnet.tensor.Natives;
import dev.longnet.tensor.ProcessGroup;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;

/**
 * Processes that compute one thing together: they meet, exchange, and end together. Each calls {@link #run}:
 *
 * <pre>{@code
 * RankPlace place = LauncherVariables.read(System.getenv()).orElse(RankPlace.ALONE);
 * Ranks.run(place, device, RankLimits.of(System.getenv()), ranks -> train(ranks.world()));
 * }</pre>
 *
 * <p>A rank that throws, dies or hangs ends all others within seconds: what they call next throws a {@link
 * LongNetException} that names the rank and the cause, and a process that stays stuck in native code is halted with it.
 * Tensors travel in the network of the master's address, by Gloo between CPUs and by NCCL between GPUs. Ranks trust that
 * network: nothing is encrypted, and who can reach it can join. Gloo prints "[Gloo] Rank … is connected" on standard output
 * whenever a group connects. Who starts ranks sets {@code TORCH_CPP_LOG_LEVEL=ERROR}, or libtorch may log the
 * end of a connection beside the message, and on NVIDIA GPUs {@code TORCH_NCCL_ASYNC_ERROR_HANDLING=0}, so that libtorch
 * leaves the end to the ranks, and {@code NCCL_NVLS_ENABLE=0} where NVLink multicast is not to be had.
 */
public final class Ranks implements AutoCloseable {
    private final RankPlace place;
    private final Device device;
    private final RankLimits limits;
    private final Watch watch;
    private final List<ProcessRanks> groups = new ArrayList<>();
    private KeyStore store;
    private String address;
    private RankGroup world = RankGroup.ALONE;
    private int splits;
    private boolean failed, closed;

    private Ranks(RankPlace place, Device device, RankLimits limits, Watch watch) {
        this.place = place;
        this.device = device;
        this.limits = limits;
        this.watch = watch;
    }

    /** One rank, which waits for nobody. */
    public static Ranks alone() {
        return new Ranks(RankPlace.ALONE, null, RankLimits.DEFAULT, null);
    }

    /**
     * Joins the ranks, of whom all call this. Returns when all are connected.
     *
     * @param device that their tensors are on, the CPU or the NVIDIA GPU of this rank
     * @throws LongNetException if they do not meet in time, or one of them fails
     */
    public static Ranks join(RankPlace place, Device device, RankLimits limits) {
        if (place.size() == 1) {
            return new Ranks(place, device, limits, null);
        }
        Natives.load();
        Compute.use(device);
        Ranks ranks = new Ranks(place, device, limits, new Watch(place, limits.silence()));
        try {
            ranks.connect();
            return ranks;
        } catch (Throwable e) {
            ranks.fail(e);
            ranks.close();
            throw e;
        }
    }

    /**
     * Joins the ranks, does this rank's part and leaves when all are done.
     *
     * @throws LongNetException if another rank fails, the same on all others
     */
    public static <T> T run(RankPlace place, Device device, RankLimits limits, Function<Ranks, T> body) {
        try (Ranks ranks = join(place, device, limits)) {
            try {
                return body.apply(ranks);
            } catch (Throwable e) {
                ranks.fail(e);
                throw e;
            }
        }
    }

    private void connect() {
        Meeting meeting = new Meeting(place, limits, watch);
        Meeting.Point point;
        if (place.rank() == 0) {
            store = KeyStore.serve(limits.meeting());
            point = meeting.host(store.port());
        } else {
            point = meeting.join();
            store = watch.during(
                    "finding the store",
                    () -> KeyStore.connect(point.storeHost(), point.storePort(), limits.meeting()));
        }
        address = point.address();
        world = group("world", IntStream.range(0, place.size()).toArray());
    }

    /** @param members ranks of the group, this one among them */
    private RankGroup group(String name, int[] members) {
        int size = members.length;
        int me = (int) IntStream.of(members).filter(rank -> rank < place.rank()).count();
        Duration never = Wait.FOREVER; // the wait has a limit of its own, which names who waits
        ProcessGroup control =
                watch.during("connecting", () -> ProcessGroup.gloo(store, name + "/control", me, size, address, never));
        Transport transport = watch.during(
                "connecting",
                () -> device.is_cuda()
                        ? new NcclTransport(
                                ProcessGroup.nccl(store, name + "/nccl", me, size, device, limits.collective()))
                        : new GlooTransport(ProcessGroup.gloo(store, name + "/gloo", me, size, address, never)));
        ProcessRanks group = new ProcessRanks(
                me,
                size,
                device.is_cuda(),
                watch,
                limits.collective(),
                new Agreement(control, watch, members),
                transport);
        groups.add(group);
        return group;
    }

    public RankPlace place() {
        return place;
    }

    /** The group of all ranks. */
    public RankGroup world() {
        return world;
    }

    /**
     * The group of the ranks that give the same number here, in order of rank. All ranks call this.
     *
     * @param part any number
     */
    public RankGroup split(int part) {
        long[][] parts = world.allGather(part);
        int[] members = IntStream.range(0, parts.length)
                .filter(i -> parts[i][0] == part)
                .toArray();
        splits++;
        return members.length == 1 ? RankGroup.ALONE : group("split " + splits + " part " + part, members);
    }

    /** Ends all ranks because this one has failed, if they do not end already. Call {@link #close} next. */
    public void fail(Throwable cause) {
        failed = true;
        if (watch != null) {
            watch.fail(cause);
        }
    }

    /**
     * Waits until all ranks are done, and leaves.
     *
     * @throws LongNetException if another rank fails meanwhile
     */
    @Override
    public void close() {
        if (watch == null || closed) {
            return;
        }
        closed = true;
        try {
            if (!failed) {
                Compute.synchronize(device);
                watch.finish();
                groups.forEach(ProcessRanks::close);
                store.close();
                groups.clear();
            }
        } finally {
            // What is stuck in libtorch would hold this thread as well.
            Background.start("longnet-abort", this::abort);
            watch.close();
        }
    }

    /** The store is left to those that still wait in it. */
    private void abort() {
        groups.forEach(ProcessRanks::abort);
    }
}
