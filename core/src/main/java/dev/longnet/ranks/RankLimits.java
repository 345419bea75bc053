package dev.longnet.ranks;

import static dev.longnet.Checks.requireArgument;

import java.time.Duration;
import java.util.Map;

/**
 * How long ranks wait for each other.
 *
 * @param meeting until all have come
 * @param collective until all have called the same exchange, and again until it is done
 * @param silence without a sign of life from another rank's process, until it counts as lost
 */
public record RankLimits(Duration meeting, Duration collective, Duration silence) {
    private static final Duration LEAST = Duration.ofSeconds(1), MOST = Duration.ofDays(30);

    /** 5 minutes, 10 minutes and 5 seconds. */
    public static final RankLimits DEFAULT =
            new RankLimits(Duration.ofMinutes(5), Duration.ofMinutes(10), Duration.ofSeconds(5));

    public RankLimits {
        check("meeting", "LONGNET_MEETING_SECONDS", meeting);
        check("collective", "LONGNET_COLLECTIVE_SECONDS", collective);
        check("silence", "LONGNET_SILENCE_SECONDS", silence);
    }

    /**
     * The defaults, or what {@code LONGNET_MEETING_SECONDS}, {@code LONGNET_COLLECTIVE_SECONDS} and {@code
     * LONGNET_SILENCE_SECONDS} say.
     *
     * @param environment such as {@link System#getenv()}
     */
    public static RankLimits of(Map<String, String> environment) {
        return new RankLimits(
                seconds(environment, "LONGNET_MEETING_SECONDS", DEFAULT.meeting),
                seconds(environment, "LONGNET_COLLECTIVE_SECONDS", DEFAULT.collective),
                seconds(environment, "LONGNET_SILENCE_SECONDS", DEFAULT.silence));
    }

    private static Duration seconds(Map<String, String> environment, String name, Duration otherwise) {
        String text = environment.getOrDefault(name, "");
        requireArgument(
                text.matches("\\d{0,9}"),
                "%s must be a whole number of seconds, got \"%s\"; correct or unset it",
                name,
                text);
        return text.isEmpty() ? otherwise : Duration.ofSeconds(Long.parseLong(text));
    }

    private static void check(String what, String name, Duration time) {
        requireArgument(
                time.compareTo(LEAST) >= 0 && time.compareTo(MOST) <= 0,
                "the limit of %s must be between %d s and %d days, got %s s; set %s",
                what,
                LEAST.toSeconds(),
                MOST.toDays(),
                time.toMillis() / 1000.0,
                name);
    }
}
