package dev.longnet.app.report;

/** Text made safe to stand in an HTML page. */
final class Html {
    private Html() {}

    /** Escapes markup, and shows control characters as their pictures (␀ …), since a page may not hold them. */
    static String escape(String text) {
        StringBuilder safe = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> safe.append("&amp;");
                case '<' -> safe.append("&lt;");
                case '>' -> safe.append("&gt;");
                case '"' -> safe.append("&quot;");
                case '\'' -> safe.append("&#39;");
                case '\n', '\t' -> safe.append(c);
                case '\r' -> {} // line feeds alone break lines
                default -> safe.append(c < ' ' ? (char) ('\u2400' + c) : c);
            }
        }
        return safe.toString();
    }

    /** An element around escaped text. */
    static String element(String tag, String text) {
        return "<" + tag + ">" + escape(text) + "</" + tag + ">";
    }

    /** A muted sentence that says what is missing or how to read a figure. */
    static String note(String text) {
        return "<p class=\"note\">" + escape(text) + "</p>\n";
    }
}
