/**
 * The command line: {@link dev.longnet.app.Main} finds the command, every command writes through
 * {@link dev.longnet.app.Output}, and whatever ends one early becomes one sentence and an exit code.
 */
package dev.longnet.app;
