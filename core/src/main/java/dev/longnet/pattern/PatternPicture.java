package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Draws who sees whom as SVG: a row a query, a column a key, one panel a branch and one for all of them together.
 *
 * <p>A cell has the colour of its branch (all together: of the first branch that shows it) and is the stronger the more
 * heads see it. Lines and text take {@code currentColor} and branches the CSS variables {@code --branch-1} …
 * {@code --branch-6} where the page sets them, so that a picture suits light and dark pages. Long patterns are drawn
 * small, with the shape of the large one.
 */
public final class PatternPicture {
    private static final String[] COLOURS = {"#3b78e7", "#0f9d8a", "#d98a00", "#c2408f", "#7a5ad6", "#c8502d"};
    private static final int STRENGTHS = 8;
    private static final int COLUMNS = 3;
    private static final int SIDE = 200;
    private static final int GAP = 24;
    private static final int TITLE = 22;

    /**
     * One square drawing.
     *
     * @param title what is drawn, such as "4096:2"
     * @param svg an {@code <svg>} element that fills the width it is given
     */
    public record Panel(String title, String svg) {}

    private final DilationPattern pattern;
    private final PatternSketch sketch;
    private final long length;
    private final int heads;
    private final boolean causal;

    private PatternPicture(DilationPattern pattern, long length, int heads, boolean causal) {
        requireArgument(length > 0, "the length must be positive, got %d", length);
        requireArgument(heads > 0, "the number of heads must be positive, got %d", heads);
        this.pattern = pattern;
        this.sketch = PatternSketch.of(pattern, length);
        this.length = length;
        this.heads = heads;
        this.causal = causal;
    }

    /**
     * All panels as one self-contained SVG document with titles and a caption.
     *
     * @param length sequence length N in tokens
     * @param heads number of query heads H
     * @param causal whether a query sees no key after it
     */
    public static String svg(DilationPattern pattern, long length, int heads, boolean causal) {
        return new PatternPicture(pattern, length, heads, causal).document();
    }

    /** The panels one by one, for a page that arranges them itself: each branch and, of several, all together. */
    public static List<Panel> panels(DilationPattern pattern, long length, int heads, boolean causal) {
        return new PatternPicture(pattern, length, heads, causal).panels();
    }

    /** One sentence that says how to read the picture and what it was scaled from. */
    public static String caption(DilationPattern pattern, long length, int heads, boolean causal) {
        return new PatternPicture(pattern, length, heads, causal).caption();
    }

    private List<Panel> panels() {
        List<Panel> panels = new ArrayList<>();
        int branches = pattern.branches().size();
        for (int i = 0; i < branches; i++) {
            String title = pattern.branches().get(i).toString();
            panels.add(new Panel(title, panel("branch " + title, i, i + 1)));
        }
        if (branches > 1) {
            panels.add(new Panel("all branches", panel("all branches together", 0, branches)));
        }
        return panels;
    }

    private String panel(String name, int firstBranch, int endBranch) {
        int side = sketch.length();
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %1$d %1$d\" width=\"100%%\" role=\"img\""
                        + " aria-label=\"Which keys (columns) each query (row) sees: %2$s\" shape-rendering=\"crispEdges\">"
                        + "<rect width=\"%1$d\" height=\"%1$d\" fill=\"currentColor\" fill-opacity=\"0.05\"/>",
                side,
                name));
        cells(firstBranch, endBranch)
                .forEach((shade, path) -> svg.append(String.format(
                        Locale.ROOT,
                        "<path fill=\"var(--branch-%d, %s)\" fill-opacity=\"%s\" d=\"%s\"/>",
                        shade.branch % COLOURS.length + 1,
                        COLOURS[shade.branch % COLOURS.length],
                        opacity(shade.strength),
                        path)));
        return svg.append("</svg>").toString();
    }

    private record Shade(int branch, int strength) implements Comparable<Shade> {
        @Override
        public int compareTo(Shade other) {
            return branch != other.branch ? branch - other.branch : strength - other.strength;
        }
    }

    /** The cells of each shade as one path of horizontal runs. */
    private Map<Shade, StringBuilder> cells(int firstBranch, int endBranch) {
        Map<Shade, StringBuilder> paths = new TreeMap<>();
        for (int query = 0; query < sketch.length(); query++) {
            int key = 0;
            while (key < sketch.length()) {
                Shade shade = shade(query, key, firstBranch, endBranch);
                int start = key++;
                while (key < sketch.length() && shade.equals(shade(query, key, firstBranch, endBranch))) {
                    key++;
                }
                if (shade.strength > 0) {
                    paths.computeIfAbsent(shade, unused -> new StringBuilder())
                            .append(String.format(
                                    Locale.ROOT, "M%d %dh%dv1h-%dz", start, query, key - start, key - start));
                }
            }
        }
        return paths;
    }

    private Shade shade(int query, int key, int firstBranch, int endBranch) {
        int first = firstBranch;
        int seen = 0;
        for (int i = endBranch - 1; i >= firstBranch; i--) {
            int before = seen;
            for (int head = 0; head < heads; head++) {
                seen += sketch.branches().get(i).sees(query, key, head, heads, causal) ? 1 : 0;
            }
            first = seen > before ? i : first;
        }
        double share = Math.min(1, (double) seen / heads);
        return new Shade(first, (int) Math.ceil(Math.sqrt(share) * STRENGTHS));
    }

    private static String opacity(int strength) {
        return String.valueOf((strength + 2) / 10.0);
    }

    private String document() {
        List<Panel> panels = panels();
        int columns = Math.min(COLUMNS, panels.size());
        int rows = (panels.size() + columns - 1) / columns;
        int width = Math.max(2 * SIDE, columns * (SIDE + GAP) + GAP);
        int height = rows * (SIDE + TITLE + GAP) + GAP;
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pattern-picture\" viewBox=\"0 0 %d %d\""
                        + " font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">"
                        + "<title>Dilated attention %s</title><desc>%s</desc>"
                        + "<style>@media (prefers-color-scheme: dark){.pattern-picture:root"
                        + "{color:#ddd}}</style>",
                width,
                height,
                pattern,
                caption()));
        for (int i = 0; i < panels.size(); i++) {
            int x = GAP + i % columns * (SIDE + GAP);
            int y = GAP / 2 + i / columns * (SIDE + TITLE + GAP);
            svg.append(String.format(
                    Locale.ROOT,
                    "<text x=\"%d\" y=\"%d\" fill=\"currentColor\">%s</text>"
                            + "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\">%s</svg>",
                    x,
                    y + 14,
                    panels.get(i).title(),
                    x,
                    y + TITLE,
                    SIDE,
                    SIDE,
                    panels.get(i).svg()));
        }
        return svg.append("</svg>\n").toString();
    }

    private String caption() {
        String scaled = sketch.length() == length
                ? ""
                : String.format(Locale.ROOT, "; drawn with %d positions in the place of %d", sketch.length(), length);
        return String.format(
                Locale.ROOT,
                "Rows are queries, columns the keys they see in %s attention, %s%s.",
                causal ? "causal" : "bidirectional",
                heads == 1 ? "one head" : "stronger where more of the " + heads + " heads see them",
                scaled);
    }
}
