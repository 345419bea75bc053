package dev.longnet.app.serve;

/** Counts the requests that are being answered, so that a server that stops can let them end. */
final class UnderWay {
    private int count;

    synchronized void enter() {
        count++;
    }

    synchronized void leave() {
        count--;
        notifyAll();
    }

    /** Waits until there are none, or for a time. */
    synchronized void awaitNone(long millis) {
        long until = System.nanoTime() + millis * 1_000_000;
        try {
            for (long left = millis; count > 0 && left > 0; left = (until - System.nanoTime()) / 1_000_000) {
                wait(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
