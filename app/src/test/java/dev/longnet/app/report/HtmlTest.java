package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HtmlTest {
    @Test
    void escapesMarkup() {
        assertThat(Html.element("td", "<a href=\"x\">Tom & 'Jerry'</a>"))
                .isEqualTo("<td>&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt;</td>");
    }

    @Test
    void showsControlCharactersButKeepsLinesAndTabs() {
        assertThat(Html.escape("a\u0000\u001b[1m\r\n\tb")).isEqualTo("a\u2400\u241b[1m\n\tb");
    }
}
