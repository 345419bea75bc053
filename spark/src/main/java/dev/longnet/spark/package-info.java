/**
 * Ranks of a training run, placed by Apache Spark: each task of a barrier stage starts one process that runs the
 * ordinary program as one rank. Knows Spark and nothing of the rest of LongNet, which it meets as a folder of jars.
 */
package dev.longnet.spark;
