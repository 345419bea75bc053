package dev.longnet.app.serve;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Answers with one result when it is there. */
final class Waiting {
    private Waiting() {}

    /** @param cancel called when nobody waits any more */
    static void answer(CompletableFuture<?> result, Reply reply, Runnable cancel) throws InterruptedException {
        try {
            while (true) {
                try {
                    reply.end(200, result.get(Reply.ALIVE_MILLIS, TimeUnit.MILLISECONDS));
                    return;
                } catch (TimeoutException e) {
                    reply.alive();
                } catch (ExecutionException e) {
                    reply.fail(e.getCause());
                    return;
                }
            }
        } finally {
            cancel.run();
        }
    }
}
