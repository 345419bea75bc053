package dev.longnet.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Which documents are held out: those whose seeded hash of the name is below the share, so that a document keeps its
 * part whatever else is added. Where that leaves a part without any, {@link #balanced} gives it the document nearest to
 * the border, or the end of the only document.
 */
final class Division {
    private static final long BY_NAME = -1;

    private final DataConfig config;
    /** Number of the document that alone is in the part which would be empty, or {@link #BY_NAME}. */
    private final long moved;

    private final boolean cut;

    private long documents;
    private long lowest;
    private long highest;
    private double lowestHash;
    private double highestHash;

    Division(DataConfig config) {
        this(config, BY_NAME, false);
    }

    private Division(DataConfig config, long moved, boolean cut) {
        this.config = config;
        this.moved = moved;
        this.cut = cut;
    }

    /** Takes the text of a document, or a piece of it, for a part. */
    @FunctionalInterface
    interface Target {
        void add(Split split, String name, byte[] text) throws IOException;
    }

    /** Gives each document it is shown to {@code target}; a failure there is an {@link UncheckedIOException}. */
    Consumer<Document> visitor(Target target) {
        return document -> {
            try {
                divide(document, target);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    private void divide(Document document, Target target) throws IOException {
        double hash = Mix.fraction(config.seed(), document.name());
        if (documents == 0 || hash < lowestHash) {
            lowestHash = hash;
            lowest = documents;
        }
        if (documents == 0 || hash > highestHash) {
            highestHash = hash;
            highest = documents;
        }
        if (cut) {
            byte[] text = document.text();
            int border = border(text);
            target.add(Split.TRAIN, document.name(), Arrays.copyOf(text, border));
            if (border < text.length) {
                target.add(Split.HELD_OUT, document.name(), Arrays.copyOfRange(text, border, text.length));
            }
        } else {
            boolean heldOut = hash < config.heldOut() != (documents == moved);
            target.add(heldOut ? Split.HELD_OUT : Split.TRAIN, document.name(), document.text());
        }
        documents++;
    }

    /** Where the held-out end of a text begins: between two characters, or at its end where it has one only. */
    private int border(byte[] text) {
        int wanted = Math.min((int) Math.round(text.length * (1 - config.heldOut())), text.length - 1);
        int border = Utf8.characterStart(text, wanted);
        if (border == 0) {
            do {
                border++;
            } while (border < text.length && Utf8.characterStart(text, border) == 0);
        }
        return border;
    }

    /** Whether each part that should have documents has some. */
    boolean accepts(int train, int heldOut) {
        boolean both = config.heldOut() > 0 && config.heldOut() < 1;
        return moved != BY_NAME || cut || !both || train > 0 && heldOut > 0;
    }

    /** After a visit that is not accepted: the division that leaves no part empty. */
    Division balanced() {
        boolean allHeldOut = highestHash < config.heldOut();
        return new Division(config, documents == 1 ? BY_NAME : allHeldOut ? highest : lowest, documents == 1);
    }
}
