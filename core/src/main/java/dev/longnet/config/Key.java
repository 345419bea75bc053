package dev.longnet.config;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;

/**
 * One key of a configuration, as the YAML, the help and the reference page show it.
 *
 * @param path dotted path, such as {@code train.steps}
 * @param type the type in words, such as "a whole number"
 * @param value the default, written as in YAML
 * @param unit what the number counts; empty when it has no unit
 * @param meaning what the key means
 */
public record Key(String path, String type, String value, String unit, String meaning) {

    /** All keys below a record of values, nested records included, in the order of their components. */
    public static List<Key> of(Record values) {
        return of(values, "");
    }

    static List<Key> of(Record values, String prefix) {
        List<Key> keys = new ArrayList<>();
        for (RecordComponent component : values.getClass().getRecordComponents()) {
            String path = prefix + component.getName();
            Object value = Records.get(values, component);
            if (value instanceof Record group && Records.isGroup(component.getType())) {
                keys.addAll(of(group, path + "."));
            } else {
                Doc doc = Records.doc(component);
                String type = Values.describe(component.getType());
                keys.add(new Key(path, type, Values.write(value), doc.unit(), doc.value()));
            }
        }
        return keys;
    }
}
