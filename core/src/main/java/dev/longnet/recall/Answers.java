package dev.longnet.recall;

import java.util.List;

/**
 * A batch of texts as tensors take it.
 *
 * @param tokens of all texts, one after another
 * @param rows places among them at which an answer is to be foretold: those of all tokens of all questions
 * @param targets the answers
 * @param far 1 for each question about a fact at least a quarter of the text away, else 0
 */
record Answers(long[] tokens, long[] rows, long[] targets, double[] far) {
    static Answers of(RecallTask task, List<RecallTask.Text> texts) {
        int length = texts.get(0).tokens().length, question = task.question();
        int asked = texts.stream().mapToInt(text -> text.questions().size()).sum();
        long[] tokens = new long[texts.size() * length],
                rows = new long[asked * question],
                targets = new long[asked * question];
        double[] far = new double[asked];
        int count = 0;
        for (int i = 0; i < texts.size(); i++) {
            int[] text = texts.get(i).tokens();
            for (int j = 0; j < length; j++) {
                tokens[i * length + j] = text[j];
            }
            for (RecallTask.Asked about : texts.get(i).questions()) {
                far[count / question] = about.distance() >= length / 4 ? 1 : 0;
                for (int j = about.end() - question + 1; j <= about.end(); j++) {
                    rows[count] = (long) i * length + j;
                    targets[count++] = task.answer(about.value());
                }
            }
        }
        return new Answers(tokens, rows, targets, far);
    }
}
