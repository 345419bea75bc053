package dev.longnet.tensor;

import dev.longnet.LongNetException;
import dev.longnet.io.AtomicFile;
import dev.longnet.io.CacheFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.cuda.global.nvrtc;
import org.bytedeco.cuda.nvrtc._nvrtcProgram;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * Makes machine code of a CUDA C++ source by NVRTC, or finds it on disk.
 *
 * <p>A file is named by a hash of all that it depends on and begins with the hash of its code, so that a damaged one is
 * known and made again.
 */
final class CudaCompiler {
    private static final Pattern INCLUDE = Pattern.compile("^\\s*#include\\s+\"([^\"]+)\"", Pattern.MULTILINE);
    private static final int HASH_BYTES = 32;

    private final String name;
    /** Texts by the name that they are included by; the source itself comes first. */
    private final Map<String, String> texts = new LinkedHashMap<>();

    private final List<String> options;

    /**
     * @param near class beside whose resources the source lies
     * @param source resource, with what it includes in its folder
     */
    CudaCompiler(Class<?> near, String source, List<String> options) {
        this.options = options;
        int slash = source.lastIndexOf('/') + 1;
        name = source.substring(slash);
        read(near, source.substring(0, slash), name);
    }

    private void read(Class<?> near, String folder, String file) {
        if (texts.containsKey(file)) {
            return;
        }
        try (InputStream in = near.getResourceAsStream(folder + file)) {
            if (in == null) {
                throw new AssertionError("no resource " + folder + file + " beside " + near);
            }
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            texts.put(file, text);
            INCLUDE.matcher(text).results().forEach(include -> read(near, folder, include.group(1)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Machine code for the architecture that the options name. */
    byte[] code() {
        CudaDriver.load(nvrtc.class, "NVRTC, CUDA's compiler,");
        Path file = CacheFolder.of("kernels").resolve(name.replace('.', '-') + "-" + key() + ".cubin");
        byte[] kept = kept(file);
        if (kept != null) {
            return kept;
        }
        byte[] code = compile();
        keep(file, code);
        return code;
    }

    private String key() {
        int[] major = new int[1], minor = new int[1];
        check(nvrtc.nvrtcVersion(major, minor), "asking NVRTC for its version");
        String all = major[0] + "." + minor[0] + "\n" + options + "\n" + texts;
        return HexFormat.of().formatHex(hash(all.getBytes(StandardCharsets.UTF_8)), 0, 16);
    }

    /** The code in a file, or null where there is none or it is damaged. */
    static byte[] kept(Path file) {
        try {
            byte[] all = Files.readAllBytes(file);
            byte[] code = Arrays.copyOfRange(all, Math.min(HASH_BYTES, all.length), all.length);
            return Arrays.equals(hash(code), Arrays.copyOf(all, HASH_BYTES)) ? code : null;
        } catch (IOException e) {
            return null;
        }
    }

    static void keep(Path file, byte[] code) {
        try (AtomicFile out = new AtomicFile(file)) {
            ByteBuffer bytes = ByteBuffer.allocate(HASH_BYTES + code.length)
                    .put(hash(code))
                    .put(code)
                    .flip();
            while (bytes.hasRemaining()) {
                out.channel().write(bytes);
            }
            out.commit();
        } catch (IOException e) {
            // The code is here all the same; the next process will compile it again.
        }
    }

    private byte[] compile() {
        try (Scope scope = new Scope()) {
            List<String> headers = List.copyOf(texts.keySet()).subList(1, texts.size());
            _nvrtcProgram program = new _nvrtcProgram();
            check(
                    nvrtc.nvrtcCreateProgram(
                            program,
                            string(texts.get(name)),
                            string(name),
                            headers.size(),
                            strings(headers.stream().map(texts::get)),
                            strings(headers.stream())),
                    "reading " + name);
            try {
                int result = nvrtc.nvrtcCompileProgram(program, options.size(), strings(options.stream()));
                if (result != nvrtc.NVRTC_SUCCESS) {
                    throw new LongNetException("compiling %s with %s failed:%n%s", name, options, log(program));
                }
                SizeTPointer size = new SizeTPointer(1);
                check(nvrtc.nvrtcGetCUBINSize(program, size), "asking for the code of " + name);
                byte[] code = new byte[Math.toIntExact(size.get())];
                check(nvrtc.nvrtcGetCUBIN(program, code), "asking for the code of " + name);
                return code;
            } finally {
                nvrtc.nvrtcDestroyProgram(program);
            }
        }
    }

    private static String log(_nvrtcProgram program) {
        SizeTPointer size = new SizeTPointer(1);
        check(nvrtc.nvrtcGetProgramLogSize(program, size), "asking for the log");
        byte[] log = new byte[Math.toIntExact(size.get())];
        check(nvrtc.nvrtcGetProgramLog(program, log), "asking for the log");
        return new String(log, StandardCharsets.UTF_8).replace("\0", "").strip();
    }

    private static BytePointer string(String text) {
        return new BytePointer(text, StandardCharsets.UTF_8);
    }

    private static PointerPointer<BytePointer> strings(Stream<String> texts) {
        return new PointerPointer<>(texts.map(CudaCompiler::string).toArray(BytePointer[]::new));
    }

    private static void check(int result, String what) {
        if (result != nvrtc.NVRTC_SUCCESS) {
            throw new LongNetException(
                    "%s failed: %s", what, nvrtc.nvrtcGetErrorString(result).getString());
        }
    }

    private static byte[] hash(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
