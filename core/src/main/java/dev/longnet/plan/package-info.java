/**
 * Time and memory of training and of reading predicted from a model, a machine and a number of ranks, by closed forms: what one GPU was
 * measured at, exact counts of what each rank computes and receives, and assumptions about the links. Never loads libtorch.
 */
package dev.longnet.plan;
