package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Two machines: network namespaces joined by a cable, with host names of their own that no name service knows. As Debian
 * sets it up, each believes that its own name is 127.0.1.1; b knows the address of a.
 */
final class TwoMachines implements AutoCloseable {
    private static final String[] NEW = {"unshare", "--map-root-user", "--net", "--uts", "--mount"};

    /** Runs in machine a; the shell that is machine b lives until its input ends, and then all do. */
    private static final String SETUP = """
            b() { nsenter --target $b --net --uts --mount "$@"; }
            unshare --net --uts --mount sh -c 'echo up; exec sleep 600' >up & b=$!
            trap 'kill $b' EXIT
            while [ ! -s up ]; do sleep 0.02; done
            hostname machine-a
            b hostname machine-b
            ip link set lo up
            b ip link set lo up
            ip link add cable type veth peer name cable netns $b
            ip addr add 192.0.2.1/24 dev cable
            b ip addr add 192.0.2.2/24 dev cable
            ip link set cable up
            b ip link set cable up
            mount --bind hosts-a /etc/hosts
            b mount --bind "$PWD/hosts-b" /etc/hosts
            echo $b
            cat >/dev/null
            """;

    private final Path folder;
    private final Process a;
    private final long b;

    /** Why this machine cannot have such machines in it; null where it can. */
    static String obstacle() throws Exception {
        List<String> command = new ArrayList<>(List.of(NEW));
        command.addAll(List.of("sh", "-c", "ip link add cable type veth peer name other && nsenter --version"));
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            return process.waitFor() == 0 ? null : "no network namespaces here: " + said;
        } catch (IOException e) {
            return "no network namespaces here: " + e.getMessage();
        }
    }

    TwoMachines(Path folder) throws IOException {
        this.folder = folder;
        Files.writeString(folder.resolve("hosts-a"), "127.0.0.1 localhost\n127.0.1.1 machine-a\n");
        Files.writeString(folder.resolve("hosts-b"), "127.0.0.1 localhost\n127.0.1.1 machine-b\n192.0.2.1 machine-a\n");
        List<String> command = new ArrayList<>(List.of(NEW));
        command.addAll(List.of("sh", "-e", "-c", SETUP));
        Path errors = folder.resolve("setup");
        a = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectError(errors.toFile())
                .start();
        String line = new BufferedReader(new InputStreamReader(a.getInputStream(), StandardCharsets.UTF_8)).readLine();
        assertThat(line).as("%s", Files.readString(errors)).isNotNull();
        b = Long.parseLong(line);
    }

    /** A command on a machine, which becomes the process that is started. */
    List<String> on(char machine, String... command) {
        List<String> line = new ArrayList<>(List.of(
                "nsenter",
                "--target",
                String.valueOf(machine == 'a' ? a.pid() : b),
                "--user",
                "--preserve-credentials",
                "--net",
                "--uts",
                "--mount",
                "--wd=" + folder));
        line.addAll(List.of(command));
        return line;
    }

    /** Pulls the cable. */
    void cut() throws Exception {
        Process process = new ProcessBuilder(on('a', "ip", "link", "set", "cable", "down"))
                .inheritIO()
                .start();
        assertThat(process.waitFor()).isZero();
    }

    @Override
    public void close() throws IOException {
        a.getOutputStream().close();
    }
}
