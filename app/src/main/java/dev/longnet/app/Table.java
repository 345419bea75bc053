package dev.longnet.app;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Rows of text in aligned columns; columns whose cells all start with a digit or sign stand to the right. */
public final class Table {
    private static final String GAP = "  ";
    private final List<String[]> rows = new ArrayList<>();

    /** Starts a table with the titles of its columns. */
    public Table(String... titles) {
        rows.add(titles);
    }

    /** Adds a row with one cell for each title. */
    public Table row(Object... cells) {
        if (cells.length != rows.get(0).length) {
            throw new IllegalStateException("a row of " + cells.length + " cells in a table of " + rows.get(0).length);
        }
        rows.add(Stream.of(cells).map(String::valueOf).toArray(String[]::new));
        return this;
    }

    /** The lines, titles first. */
    public List<String> lines() {
        int columns = rows.get(0).length;
        int[] width = new int[columns];
        boolean[] numbers = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            int c = column;
            width[c] = rows.stream().mapToInt(row -> row[c].length()).max().orElse(0);
            numbers[c] =
                    rows.size() > 1 && rows.stream().skip(1).allMatch(row -> row[c].matches("[-+±]?[\\d.].*|-|—|NaN|"));
        }
        return rows.stream().map(row -> line(row, width, numbers)).toList();
    }

    private static String line(String[] row, int[] width, boolean[] numbers) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < row.length; column++) {
            String space = " ".repeat(width[column] - row[column].length());
            line.append(column == 0 ? "" : GAP);
            line.append(numbers[column] ? space + row[column] : row[column] + space);
        }
        return line.toString().stripTrailing();
    }
}
