package dev.longnet.ranks;

/** Threads that keep no process alive. */
final class Background {
    private Background() {}

    static Thread start(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
