package dev.longnet.spark;

/** A rank ended with a failure; Spark may run the stage again. */
class RankFailedException extends RuntimeException {
    RankFailedException(String message) {
        super(message);
    }
}
