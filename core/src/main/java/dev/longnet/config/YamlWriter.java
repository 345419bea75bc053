package dev.longnet.config;

import java.lang.reflect.RecordComponent;

/** Writes a configuration record as YAML with each key's meaning and unit as a comment above it. */
final class YamlWriter {
    private YamlWriter() {}

    static String write(Record values) {
        StringBuilder yaml = new StringBuilder();
        write(values, "", yaml);
        return yaml.toString();
    }

    private static void write(Record values, String indent, StringBuilder yaml) {
        for (RecordComponent component : values.getClass().getRecordComponents()) {
            Object value = Records.get(values, component);
            Doc doc = Records.doc(component);
            String unit = doc.unit().isEmpty() ? "" : " (" + doc.unit() + ")";
            yaml.append(indent).append("# ").append(doc.value()).append(unit).append('\n');
            yaml.append(indent).append(component.getName()).append(':');
            if (Records.isGroup(component.getType())) {
                yaml.append('\n');
                write((Record) value, indent + "  ", yaml);
            } else {
                yaml.append(' ').append(Values.write(value)).append('\n');
            }
        }
    }
}
