package dev.longnet.ranks;

import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a rank asks of its group.
 *
 * @param type element type as libtorch numbers it
 * @param count numbers given by a rank; of a row for an all-to-all
 * @param root rank that gives, for a broadcast
 * @param outRows rows that come from each rank, for an all-to-all
 * @param inRows rows that go to each rank
 */
record Call(Kind kind, long type, long count, long root, long[] outRows, long[] inRows) {
    /** The kinds of exchange. */
    enum Kind {
        ALL_TO_ALL("allToAll"),
        REDUCE_SCATTER("reduceScatter"),
        ALL_GATHER("allGather"),
        ALL_REDUCE("allReduce"),
        BROADCAST("broadcast"),
        NUMBERS("allGather"),
        BARRIER("barrier");

        final String method;

        Kind(String method) {
            this.method = method;
        }
    }

    private static final long[] NO_ROWS = {};
    private static final int FIELDS = 4;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    static Call of(Kind kind, ScalarType type, long count) {
        return of(kind, type, count, 0);
    }

    static Call of(Kind kind, ScalarType type, long count, long root) {
        return new Call(kind, type.value, count, root, NO_ROWS, NO_ROWS);
    }

    /** The call without its rows as 64 bits. */
    long digest() {
        long hash = 0;
        for (long field : new long[] {kind.ordinal(), type, count, root}) {
            hash = mix(hash ^ field);
        }
        return hash;
    }

    /** 64 bits as if drawn by chance, always the same for the same number. */
    static long mix(long number) {
        long z = number + GOLDEN;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    /** The call as numbers, as many for every call of a group of {@code size}. */
    long[] toNumbers(int size) {
        long[] numbers = new long[FIELDS + 2 * size];
        numbers[0] = kind.ordinal();
        numbers[1] = type;
        numbers[2] = count;
        numbers[3] = root;
        System.arraycopy(outRows, 0, numbers, FIELDS, outRows.length);
        System.arraycopy(inRows, 0, numbers, FIELDS + size, inRows.length);
        return numbers;
    }

    static Call fromNumbers(long[] numbers) {
        int rows = (numbers.length - FIELDS) / 2;
        return new Call(
                Kind.values()[(int) numbers[0]],
                numbers[1],
                numbers[2],
                numbers[3],
                Arrays.copyOfRange(numbers, FIELDS, FIELDS + rows),
                Arrays.copyOfRange(numbers, FIELDS + rows, numbers.length));
    }

    /** The call without its rows, for messages. */
    @Override
    public String toString() {
        String numbers = String.format(Locale.ROOT, "%d %s numbers", count, typeName());
        return switch (kind) {
            case BARRIER -> kind.method;
            case ALL_TO_ALL -> kind.method + " of rows of " + numbers;
            case BROADCAST -> kind.method + " of " + numbers + " from rank " + root + " of the group";
            case NUMBERS -> kind.method + " of " + count + " Java numbers";
            default -> kind.method + " of " + numbers;
        };
    }

    private String typeName() {
        return Arrays.stream(ScalarType.values())
                .filter(known -> known.value == type)
                .map(Call::name)
                .findFirst()
                .orElse("unknown");
    }

    private static String name(ScalarType type) {
        return switch (type) {
            case Half -> "float16";
            case Float -> "float32";
            case Double -> "float64";
            case Byte -> "uint8";
            case Char -> "int8";
            case Short -> "int16";
            case Int -> "int32";
            case Long -> "int64";
            default -> type.name().toLowerCase(Locale.ROOT);
        };
    }
}
