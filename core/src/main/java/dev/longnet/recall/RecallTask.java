package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Texts of random filler in which a few facts are told, and asked for later.
 *
 * <p>A fact is one token that stands for a key and its value, a question a run of tokens that name a key. A text tells a key
 * at most once. The vocabulary is: filler, facts, questions, answers.
 */
@Doc("The texts: facts among filler, and questions about them")
public record RecallTask(
        @Doc("Keys; a text tells each at most once") int keys,

        @Doc("Values that a key may have; who guesses is right once in so many times")
        int values,

        @Doc("Different tokens of filler") int fillers,

        @Doc("Most facts of a text, each of them one token") int facts,

        @Doc(value = "Least text for each fact of a lesson, on average", unit = "tokens")
        int room,

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
        requireArgument(
                0 < facts && facts <= keys,
                "facts must be between 1 and keys %d, as a text tells a key once; got %d",
                keys,
                facts);
        requireArgument(room > 0 && question > 0, "room and question must be positive, got %d, %d", room, question);
    }

    /** 32 keys with 16 values each, and questions of 64 tokens. */
    public static RecallTask defaults() {
        return new RecallTask(32, 16, 64, 32, 2048, 64);
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
     * @param fact position of the fact that it is about
     */
    public record Asked(int end, int fact, int key, int value) {
        /** Tokens from the fact to the answer. */
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
     * A text to learn from: any number of facts and questions at random places, at most a quarter of it questions. A question is about one
     * of the facts before it, a near one as likely as a far one: with odds of one over the distance.
     *
     * @param length tokens
     * @param mostQuestions questions at most
     */
    public Text lesson(int length, int mostQuestions, Random random) {
        int questions = Math.min(mostQuestions, length / 4 / question);
        int facts = 1 + random.nextInt(Math.max(1, Math.min(this.facts, length / room)));
        requireArgument(
                questions > 0,
                "a text of %d tokens has no room for a question of %d; use texts of %d or more",
                length,
                question,
                4 * question);
        List<Boolean> order = new ArrayList<>();
        order.addAll(Collections.nCopies(questions, true));
        order.addAll(Collections.nCopies(facts - 1, false));
        Collections.shuffle(order, random);
        order.add(0, false); // a question needs a fact before it
        int free = length - facts - questions * question;
        int[] gaps = random.ints(order.size(), 0, free + 1).sorted().toArray();
        int[] tokens = filler(length, random), factAt = new int[facts], keyOf = shuffled(keys, random);
        int[] valueOf = random.ints(facts, 0, values).toArray();
        List<Asked> asked = new ArrayList<>();
        int told = 0, used = 0;
        for (int i = 0; i < order.size(); i++) {
            int at = gaps[i] + used;
            if (order.get(i)) {
                int about = drawNear(factAt, told, at, random), end = at + question - 1;
                Arrays.fill(tokens, at, end + 1, question(keyOf[about]));
                asked.add(new Asked(end, factAt[about], keyOf[about], valueOf[about]));
                used += question;
            } else {
                tokens[at] = fact(keyOf[told], valueOf[told]);
                factAt[told++] = at;
                used++;
            }
        }
        return new Text(tokens, asked);
    }

    /**
     * A long text of which one place is asked about facts at given distances before it: the text up to there, without the
     * questions, each of which would stand at its end. Keys that are left are told at random places.
     *
     * @param end position at which each question ends
     * @param distances from facts to that place, such as {@link #distances} takes
     */
    public Text haystack(int end, int[] distances, Random random) {
        distances(distances);
        int[] tokens = filler(end - question + 1, random), keyOf = shuffled(keys, random);
        List<Asked> asked = new ArrayList<>();
        for (int i = 0; i < Math.max(facts, distances.length); i++) {
            boolean wanted = i < distances.length;
            requireArgument(
                    !wanted || distances[i] >= question && distances[i] <= end,
                    "a fact %d tokens before position %d lies outside of the text or in its question",
                    wanted ? distances[i] : 0,
                    end);
            int at = wanted ? end - distances[i] : random.nextInt(tokens.length), value = random.nextInt(values);
            if (!wanted && tokens[at] >= fillers) {
                continue; // a fact stands there
            }
            tokens[at] = fact(keyOf[i], value);
            if (wanted) {
                asked.add(new Asked(end, at, keyOf[i], value));
            }
        }
        return new Text(tokens, asked);
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

    private static int drawNear(int[] places, int count, int from, Random random) {
        double all = 0;
        for (int i = 0; i < count; i++) {
            all += 1.0 / (from - places[i]);
        }
        double drawn = random.nextDouble() * all;
        for (int i = 0; i < count - 1; i++) {
            drawn -= 1.0 / (from - places[i]);
            if (drawn < 0) {
                return i;
            }
        }
        return count - 1;
    }
}
