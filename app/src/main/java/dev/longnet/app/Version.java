package dev.longnet.app;

import picocli.CommandLine.IVersionProvider;

/** The version of this program and of the Java that runs it. */
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {"longnet " + text() + ", Java " + Runtime.version()};
    }

    /** The version from the jar's manifest; "development" when the classes are not in a jar. */
    static String text() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
