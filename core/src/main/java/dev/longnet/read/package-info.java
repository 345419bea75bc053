/** Texts of any length read through a decoder piece by piece, and what it remembers of them in files. */
package dev.longnet.read;
