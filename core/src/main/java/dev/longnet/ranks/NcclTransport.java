package dev.longnet.ranks;

import dev.longnet.tensor.ProcessGroup;

/** Between NVIDIA GPUs, by NCCL's own operations. */
record NcclTransport(ProcessGroup group) implements Transport {}
