package dev.longnet.config;

import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Locale;

/** The reference of all keys of a configuration, made from its records: as a Markdown page and as text for a terminal. */
public final class ConfigurationPage {
    private static final String INTRODUCTION = """
            # Configuration

            Made from the configuration records; do not edit it by hand. `./longnet train --help` shows the same keys.

            A configuration is a YAML file given with `--config FILE`; keys that it leaves out keep their defaults.
            `--set KEY=VALUE` changes one key (`--set train.steps=500`), goes over the file and may be repeated;
            a list is set as `--set "data.sources=[src, lib.jar]"`.
            Whole numbers take the suffixes k, m and g for 1024, 1024² and 1024³ (`8k` is 8192) and underscores.
            A key that is not known, a value of another type and values that do not fit together stop a command before
            it does anything.
            """;

    private ConfigurationPage() {}

    /** The Markdown page: one table for each group of keys. */
    public static String markdown(Record defaults) {
        StringBuilder page = new StringBuilder(INTRODUCTION);
        for (RecordComponent component : defaults.getClass().getRecordComponents()) {
            if (!Records.isGroup(component.getType())) {
                continue;
            }
            page.append("\n## ").append(component.getName()).append("\n\n");
            page.append(Records.doc(component).value()).append(".\n\n");
            page.append("| key | type | default | unit | meaning |\n|---|---|---|---|---|\n");
            Record group = (Record) Records.get(defaults, component);
            for (Key key : Key.of(group, component.getName() + ".")) {
                page.append(String.format(
                        Locale.ROOT,
                        "| `%s` | %s | `%s` | %s | %s |\n",
                        key.path(),
                        key.type(),
                        key.value(),
                        key.unit(),
                        key.meaning().replace("|", "\\|")));
            }
        }
        return page.toString();
    }

    /**
     * The keys as lines for {@code --help}: each with its default, and its meaning indented below.
     *
     * @param width characters a line may have
     */
    public static String help(Record defaults, int width) {
        StringBuilder text = new StringBuilder();
        for (Key key : Key.of(defaults)) {
            String unit = key.unit().isEmpty() ? "" : " (" + key.unit() + ")";
            text.append("  ").append(key.path()).append('=').append(key.value()).append('\n');
            wrap(key.meaning() + unit, width - 6)
                    .forEach(line -> text.append("      ").append(line).append('\n'));
        }
        return text.toString();
    }

    private static List<String> wrap(String text, int width) {
        StringBuilder wrapped = new StringBuilder();
        int column = 0;
        for (String word : text.split(" ")) {
            boolean full = column + 1 + word.length() > width;
            if (column > 0) {
                wrapped.append(full ? '\n' : ' ');
            }
            column = column == 0 || full ? word.length() : column + 1 + word.length();
            wrapped.append(word);
        }
        return wrapped.toString().lines().toList();
    }
}
