package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GlobTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            *.md | a.md | true
            *.md | sub/a.md | false
            **/*.md | a.md | true
            **/*.md | x/y/a.md | true
            ** | x/y/a.md | true
            src/**/a | src/a | true
            src/**/a | src/x/y/a | true
            a?c | abc | true
            a?c | a/c | false
            [a-c]x | bx | true
            [a-c]x | dx | false
            [!a-c]x | dx | true
            [!a-c]x | ax | false
            [a^] | ^ | true
            *.{md,txt} | a.txt | true
            *.{md,txt} | a.java | false
            {a,b{c,d}} | bd | true
            *.(x) | a.(x) | true
            *.(x) | a.x | false
            *[ | a[ | true
            *🙂? | x🙂é | true
            sub*/ | subs | true
            """)
    void matches(String glob, String path, boolean expected) {
        assertThat(new Glob(glob).matches(path)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"*.md,'',1", "a/b/*.md,a/b/,1", "/*/x,/,2", "a/b?/c/*,a/,3", "a/**,a/,2147483647"})
    void knowsWhereToBeginAndHowDeepToGo(String glob, String base, int depth) {
        assertThat(new Glob(glob).base()).isEqualTo(base);
        assertThat(new Glob(glob).depth()).isEqualTo(depth);
    }
}
