package dev.longnet.app.serve;

import dev.longnet.train.TrainedModel;

/**
 * What all requests share.
 *
 * @param name of the model
 * @param defaultState that completions go on from when they name none, or null
 */
record Service(
        String name,
        TrainedModel trained,
        Engine engine,
        States states,
        Meters meters,
        Limits limits,
        String defaultState) {
    private static final int PROMPT_PIECE = 512, PROMPT_PIECE_ON_GPU = 16 << 10;
    private static final int READING_PIECE = 2048, READING_PIECE_ON_GPU = 128 << 10;

    /** Tokens of a prompt that are read at once: others wait so long. */
    int promptPiece() {
        return gpu() ? PROMPT_PIECE_ON_GPU : PROMPT_PIECE;
    }

    /** Tokens of a text that are read at once. */
    int readingPiece() {
        return gpu() ? READING_PIECE_ON_GPU : READING_PIECE;
    }

    private boolean gpu() {
        return trained.model().device().is_cuda();
    }
}
