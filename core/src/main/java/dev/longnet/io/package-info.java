/** Files that are never half written, and the formats other tools read: safetensors and TensorBoard events. */
package dev.longnet.io;
