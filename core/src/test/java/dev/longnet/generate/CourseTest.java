package dev.longnet.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CourseTest {
    private static final Sampling MOST_LIKELY = new Sampling(0, 1);
    private final List<Integer> heard = new ArrayList<>();

    /** Logits whose most likely token is this one. */
    private static float[] favour(int token) {
        float[] logits = new float[5];
        logits[token] = 1;
        return logits;
    }

    private Course course(int maxTokens, int until) {
        return new Course(maxTokens, MOST_LIKELY, 1, 4, (token, logits) -> {
            heard.add(token);
            return token != until;
        });
    }

    @Test
    void endsAfterAsManyTokensAsWereWanted() {
        Course course = course(2, -1);
        assertThat(course.next(favour(3))).isEqualTo(3);
        assertThat(course.end()).isNull();
        assertThat(course.next(favour(1))).as("needs not be read").isEqualTo(Course.ENDED);
        assertThat(course.end()).isEqualTo(Course.End.LENGTH);
        assertThat(course.next(favour(1))).isEqualTo(Course.ENDED);
        assertThat(heard).containsExactly(3, 1);
        assertThat(course.made()).isEqualTo(2);
    }

    @Test
    void endsWithTheDocumentWhichNobodyHears() {
        Course course = course(9, -1);
        course.next(favour(0));
        assertThat(course.next(favour(4))).isEqualTo(Course.ENDED);
        assertThat(course.end()).isEqualTo(Course.End.STOP);
        assertThat(heard).containsExactly(0);
        assertThat(course.made()).isEqualTo(1);
    }

    @Test
    void endsWhereTheSinkSaysNo() {
        Course course = course(9, 2);
        course.next(favour(0));
        assertThat(course.next(favour(2))).isEqualTo(Course.ENDED);
        assertThat(course.end()).isEqualTo(Course.End.STOP);
        assertThat(heard).containsExactly(0, 2);
    }

    @Test
    void noTokensAreAnEnd() {
        assertThat(course(0, -1).next(favour(0))).isEqualTo(Course.ENDED);
        assertThat(course(0, -1).end()).isEqualTo(Course.End.LENGTH);
        assertThatThrownBy(() -> course(-1, -1)).hasMessageContaining("-1");
    }
}
