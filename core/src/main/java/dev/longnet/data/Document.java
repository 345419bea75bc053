package dev.longnet.data;

/**
 * One text of a corpus.
 *
 * @param project what it belongs to: an archive, a top folder or a {@code .jsonl} file
 * @param name its name, the same wherever the source lies on the disk, such as {@code lib.jar!/a/B.java}
 * @param text its bytes, valid UTF-8 without NUL
 */
public record Document(String project, String name, byte[] text) {}
