package dev.longnet.ranks;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import org.bytedeco.pytorch.Device;

/** A rank's process in tests: runs a static method that takes the joined {@link Ranks}, or a {@link RankPlace} and joins
 * by itself, and prints a failure as one line. */
final class RankMain {
    private RankMain() {}

    public static void main(String[] arguments) throws Exception {
        Map<String, String> environment = System.getenv();
        RankPlace place = LauncherVariables.read(environment).orElseThrow();
        RankLimits limits = RankLimits.of(environment);
        try {
            if (alone(arguments)) {
                call(method(arguments, RankPlace.class), place);
            } else {
                Method body = method(arguments, Ranks.class);
                Ranks.run(place, device(place), limits, ranks -> call(body, ranks));
            }
        } catch (AssertionError e) {
            e.printStackTrace();
            System.exit(1);
        } catch (RuntimeException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    /** The device of a rank: the CPU, or its own GPU where TEST_DEVICE is cuda. */
    static Device device(RankPlace place) {
        boolean gpu = "cuda".equals(System.getenv("TEST_DEVICE"));
        return Compute.device(gpu ? "cuda:" + place.localRank() : "cpu");
    }

    private static boolean alone(String[] arguments) throws ClassNotFoundException {
        return Arrays.stream(Class.forName(arguments[0]).getDeclaredMethods())
                .anyMatch(m -> m.getName().equals(arguments[1]) && m.getParameterTypes()[0] == RankPlace.class);
    }

    private static Method method(String[] arguments, Class<?> argument) throws ReflectiveOperationException {
        Method method = Class.forName(arguments[0]).getDeclaredMethod(arguments[1], argument);
        method.setAccessible(true);
        return method;
    }

    private static Void call(Method body, Object argument) {
        try (Scope scope = new Scope()) {
            body.invoke(null, argument);
            return null;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new AssertionError(e.getCause());
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }
}
