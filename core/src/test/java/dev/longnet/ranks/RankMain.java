package dev.longnet.ranks;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;

/** A rank's process in tests: runs a static method that takes {@link Ranks}, and prints a failure as one line. */
final class RankMain {
    private RankMain() {}

    public static void main(String[] arguments) throws Exception {
        Method body = Class.forName(arguments[0]).getDeclaredMethod(arguments[1], Ranks.class);
        body.setAccessible(true);
        Map<String, String> environment = System.getenv();
        RankPlace place = LauncherVariables.read(environment).orElseThrow();
        String device = environment.getOrDefault("TEST_DEVICE", "cpu");
        try {
            Ranks.run(
                    place,
                    Compute.device(device.equals("cuda") ? "cuda:" + place.localRank() : device),
                    RankLimits.of(environment),
                    ranks -> call(body, ranks));
        } catch (AssertionError e) {
            e.printStackTrace();
            System.exit(1);
        } catch (RuntimeException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    private static Void call(Method body, Ranks ranks) {
        try (Scope scope = new Scope()) {
            body.invoke(null, ranks);
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
