/**
 * Configuration as records: read from YAML and settings by {@link dev.longnet.config.Configs}, described by
 * {@link dev.longnet.config.Doc}, listed by {@link dev.longnet.config.ConfigurationPage}. Knows no other package's
 * records and no libtorch.
 */
package dev.longnet.config;
