package dev.longnet.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Says what a configuration key or record means, for YAML comments, {@code --help} and the reference page alike. */
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.RECORD_COMPONENT, ElementType.TYPE})
public @interface Doc {
    /** The meaning: a phrase with a capital letter and without a full stop. */
    String value();

    /** What the number counts, such as "tokens"; empty when it has no unit. */
    String unit() default "";
}
