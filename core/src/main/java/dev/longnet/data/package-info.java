/** From folders and archives to training batches: tokenizers, corpus, memory-mapped token files, order of windows. */
package dev.longnet.data;
