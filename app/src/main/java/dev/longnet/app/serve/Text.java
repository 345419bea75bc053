package dev.longnet.app.serve;

import dev.longnet.generate.Course;
import dev.longnet.model.LongNetDecoder;

/**
 * A text that goes on token by token, together with others.
 *
 * @param session what has read all before
 * @param course what comes next
 * @param logits of the first token
 * @param owner hears how it ends
 */
record Text(LongNetDecoder.Session session, Course course, float[] logits, Owner owner) {
    /** Who a text is made for. */
    interface Owner {
        /** Whether nobody waits for it any more. */
        boolean abandoned();

        /** It has ended by itself. */
        void ended(Text text);

        /** It cannot go on. */
        void failed(Throwable cause);
    }
}
