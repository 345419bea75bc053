package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/**
 * Texts of random filler in which a few facts are told, and asked for later.
 *
 * <p>A fact is a run of one token that stands for a key and its value, a question a run of one that names a key. A text
 * tells a key at most once. The vocabulary is: filler, facts, questions, answers.
 */
@Doc("The texts: facts among filler, and questions about them")
public record RecallTask(
        @Doc("Keys; a text tells each at most once") int keys,

        @Doc("Values that a key may have; who guesses is right once in so many times")
        int values,

        @Doc("Different tokens of filler") int fillers,

        @Doc(value = "Stretch of text that a fact stands in; no two stand in the same", unit = "tokens")
        int room,

        @Doc(value = "Length of a fact, every token of which tells it", unit = "tokens")
        int fact,

        @Doc(value = "Length of a question, every token of which names its key", unit = "tokens")
        int question) {
    /** A text of this and a quarter more is what paths are searched in. */
    private static final int FARTHEST = 1 << 23;

    public RecallTask {
        requireArgument(
                keys > 0 && values > 1 && fillers > 0,
                "keys and fillers must be positive and values 2 or more, got %d, %d, %d",
                keys,
                fillers,
                values);
        requireArgument(fact > 0 && question > 0, "fact and question must be positive, got %d, %d", fact, question);
        requireArgument(
                room >= 2 * fact, "room %d must be at least twice the length of a fact, which is %d", room, fact);
    }

    /** 8 keys with 8 values each, and facts and questions of 8 tokens. */
    public static RecallTask defaults() {
        return new RecallTask(8, 8, 16, 128, 8, 8);
    }

    /** The distances from fact to answer that one text can be asked about, each once, in rising order. */
    public int[] distances(int... wanted) {
        int[] sorted = Arrays.stream(wanted).sorted().distinct().toArray();
        requireArgument(sorted.length > 0, "at least one distance has to be asked for");
        requireArgument(
                sorted[0] > question,
                "distance %d lies within a question, which has %d tokens; use longer distances",
                sorted[0],
                question);
        requireArgument(
                sorted[sorted.length - 1] <= FARTHEST,
                "distance %d is above %d, the most that a text is asked about",
                sorted[sorted.length - 1],
                FARTHEST);
        requireArgument(
                sorted.length <= keys,
                "%d distances are asked for in one text, which tells %d keys; use fewer, or more keys",
                sorted.length,
                keys);
        for (int i = 1; i < sorted.length; i++) {
            requireArgument(
                    sorted[i] - sorted[i - 1] >= room,
                    "distances %d and %d are closer than room %d, so that two facts would stand together; leave one out",
                    sorted[i - 1],
                    sorted[i],
                    room);
        }
        return sorted;
    }

    /** Number of different tokens. */
    public int vocabulary() {
        return fillers + keys * values + keys + values;
    }

    /** The token that tells that a key has a value. */
    public int fact(int key, int value) {
        return fillers + key * values + value;
    }

    /** The token that asks for a key's value. */
    public int question(int key) {
        return fillers + keys * values + key;
    }

    /** The token that is the right answer; it stands in no text. */
    public int answer(int value) {
        return fillers + keys * values + keys + value;
    }

    /**
     * A question in a text.
     *
     * @param end position of its last token, after which the answer is to be foretold
     * @param fact position of the last token of the fact that it is about
     */
    public record Asked(int end, int fact, int key, int value) {
        /** Tokens from the fact's last to the answer. */
        public int distance() {
            return end - fact;
        }
    }

    /**
     * A text with questions in it.
     *
     * @param tokens the text
     * @param questions in the order of their ends
     */
    public record Text(int[] tokens, List<Asked> questions) {}

    /**
     * A text to learn from: as many facts as have room, each somewhere in a stretch of {@link #room} tokens of its own, the
     * first stretch among them, and questions at random places, at most a quarter of the text. A question is about any of
     * the facts before it.
     *
     * @param length tokens
     * @param mostQuestions questions at most; there are fewer where the first fact stands late
     */
    public Text lesson(int length, int mostQuestions, Random random) {
        requireArgument(
                length >= 4 * Math.max(fact, question),
                "a text of %d tokens has no room for a fact of %d and a question of %d; use texts of %d or more",
                length,
                fact,
                question,
                4 * Math.max(fact, question));
        int[] tokens = filler(length, random), keyOf = shuffled(keys, random);
        int[] factAt = places(length, random);
        int[] valueOf = random.ints(factAt.length, 0, values).toArray();
        for (int i = 0; i < factAt.length; i++) {
            tell(tokens, factAt[i], keyOf[i], valueOf[i]);
        }
        List<Asked> asked = new ArrayList<>();
        int first = factAt[0] + 1, starts = length - question - first + 1;
        // Places that are taken are drawn in vain; as questions fill a quarter at most, few are.
        int wanted = Math.min(mostQuestions, length / 4 / question);
        for (int draw = 0; draw < 20 * wanted && asked.size() < wanted; draw++) {
            int at = first + random.nextInt(starts), end = at + question - 1;
            if (!Arrays.stream(tokens, at, end + 1).allMatch(token -> token < fillers)) {
                continue;
            }
            int told = before(factAt, at), about = random.nextInt(told);
            Arrays.fill(tokens, at, end + 1, question(keyOf[about]));
            asked.add(new Asked(end, factAt[about], keyOf[about], valueOf[about]));
        }
        asked.sort(Comparator.comparingInt(Asked::end));
        return new Text(tokens, asked);
    }

    /** Where facts end, in rising order: the first in the first half of the text, so that there is room to ask for it. */
    private int[] places(int length, Random random) {
        int stretches = Math.max(1, length / room), facts = Math.min(keys, stretches);
        int[] chosen = random.ints(1, Math.max(2, stretches))
                .distinct()
                .limit(facts - 1)
                .sorted()
                .toArray();
        int[] places = new int[facts];
        places[0] = end(Math.min(room, length / 2), random);
        for (int i = 1; i < facts; i++) {
            places[i] = chosen[i - 1] * room + end(room, random);
        }
        return places;
    }

    /** Where a fact may end in a stretch. */
    private int end(int stretch, Random random) {
        return fact - 1 + random.nextInt(stretch - fact + 1);
    }

    private static int before(int[] places, int at) {
        int count = 0;
        while (count < places.length && places[count] < at) {
            count++;
        }
        return count;
    }

    /**
     * A long text of which one place is asked about facts at given distances before it: the text up to there, without the
     * questions, each of which would stand at its end. It tells no other facts.
     *
     * @param end position at which each question ends
     * @param distances from facts to that place, such as {@link #distances} takes
     */
    public Text haystack(int end, int[] distances, Random random) {
        distances(distances);
        int[] tokens = filler(end - question + 1, random), keyOf = shuffled(keys, random);
        List<Asked> asked = new ArrayList<>();
        for (int i = 0; i < distances.length; i++) {
            requireArgument(
                    distances[i] + fact <= end + 1,
                    "a fact %d tokens before position %d lies outside of the text",
                    distances[i],
                    end);
            int at = end - distances[i], value = random.nextInt(values);
            tell(tokens, at, keyOf[i], value);
            asked.add(new Asked(end, at, keyOf[i], value));
        }
        return new Text(tokens, asked);
    }

    private void tell(int[] tokens, int at, int key, int value) {
        Arrays.fill(tokens, at - fact + 1, at + 1, fact(key, value));
    }

    private int[] filler(int length, Random random) {
        return random.ints(length, 0, fillers).toArray();
    }

    private static int[] shuffled(int count, Random random) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(i);
        }
        Collections.shuffle(all, random);
        return all.stream().mapToInt(Integer::intValue).toArray();
    }
}
