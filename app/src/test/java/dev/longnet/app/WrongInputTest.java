package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is asked wrongly gets one sentence and an exit code, and leaves what was there as it was. */
class WrongInputTest {
    @TempDir
    private static Path shared;

    @TempDir
    private Path folder;

    private Path text;
    private Path run;

    @BeforeAll
    static void train() throws IOException {
        Path text = Cli.write(shared);
        Path settings = shared.resolve("tiny.yaml");
        Cli.ok("train", "--data", text, "--out", shared.resolve("x"), "--config", settings);
        Cli.ok("train", "--data", text, "--out", shared.resolve("y"), "--config", settings, "--set", "model.layers=3");
    }

    @BeforeEach
    void copy() throws IOException {
        text = shared.resolve("text");
        run = folder.resolve("x");
        Cli.copy(shared.resolve("x"), run);
    }

    /** A command line with TEXT, RUN, TINY and DIR in it. */
    private Object[] words(String line) {
        return Arrays.stream(line.strip().split(" +"))
                .map(word -> word.replace("TEXT", text.toString())
                        .replace("RUN", run.toString())
                        .replace("TINY", shared.resolve("tiny.yaml").toString())
                        .replace("DIR", folder.toString())
                        .replace("EMPTY", ""))
                .toArray();
    }

    private String refused(int code, String line) throws IOException {
        Map<String, String> before = Cli.state(folder);
        String sentence = Cli.refused(code, words(line));
        assertThat(Cli.state(folder)).as(line).isEqualTo(before);
        return sentence;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "2 | train --data TEXT                                           | --out",
                "2 | train --out DIR/z --config TINY                             | no text to train on; give --data",
                "1 | train --out RUN --data TEXT --config TINY                   | already holds a run; go on with --resume",
                "1 | train --out DIR/z --resume                                  | there is no run at",
                "2 | train --out DIR/z --data TEXT --config TINY --ranks 0       | --ranks must be positive, got 0",
                "2 | train --out DIR/z --data TEXT --config TINY --ranks -1      | --ranks must be positive, got -1",
                "2 | train --out DIR/z --data TEXT --config TINY --ranks two     | two",
                "2 | train --out DIR/z --data TEXT --config TINY --ranks 3 --sequence-ranks 2 | ranks 3 = data × sequence 2 does not hold",
                "2 | train --out DIR/z --data TEXT --config TINY --ranks 3 --sequence-ranks 0 | --sequence-ranks must be positive, got 0",
                "2 | train --out DIR/z --data TEXT --config TINY --sequence-ranks 2 | ranks 1 = data × sequence 2 does not hold",
                "2 | verify TEXT --ranks 3 --sequence-ranks 2                    | use sequence ranks that divide the ranks",
                "1 | train --out DIR/z --data DIR/none --config TINY             | DIR/none",
                "1 | train --out DIR/z --data DIR/*.nothing --config TINY        | *.nothing",
                "2 | train --out DIR/z --data TEXT --config TINY --set train.length=100k | lower train.length or add data",
                "2 | train --out DIR/z --data TEXT --set                         | --set",
                "2 | train --out DIR/z --data TEXT --set train.step=3            | train.steps",
                "2 | train --out DIR/z --data TEXT --set train.steps             | KEY=VALUE",
                "2 | train --out DIR/z --data TEXT --set train.steps=some        | some",
                "2 | train --out DIR/z --data TEXT --set train.steps=0           | steps must be positive, got 0",
                "2 | train --out DIR/z --data TEXT --set train.learningRate=NaN  | is not a number such as 0.1",
                "2 | train --out DIR/z --data TEXT --set train.threads=-1        | threads must be 0",
                "2 | train --out DIR/z --data TEXT --set train.device=tpu        | device \"tpu\" is not known",
                "2 | train --out DIR/z --data TEXT --set train.kernel=fast       | kernel \"fast\" is not known",
                "2 | train --out DIR/z --data TEXT --set model.heads=3           | not a multiple of heads 3",
                "2 | train --out DIR/z --data TEXT --set model.pattern=8:0       | 8:0",
                "2 | train --out DIR/z --data TEXT --set model.vocabulary=200    | too small for tokenizer bytes",
                "2 | train --out DIR/z --data TEXT --set model.causal=false --set model.positions=none | model.causal must be true",
                "2 | train --out DIR/z --data TEXT --set model.positions=rope    | rotary",
                "2 | train --out DIR/z --data TEXT --set data.tokenizer=words    | tokenizer \"words\" is not known",
                "2 | train --out DIR/z --data TEXT --set data.heldOut=2          | held-out share",
                "1 | train --out DIR/z --data TEXT --config DIR/none.yaml        | does not exist",
                "2 | train --out DIR/z --data TEXT --stepz 3                     | --stepz",
                "1 | train --out DIR/z --data TEXT --config TINY --set train.device=cuda:7 | no NVIDIA GPU can be used",
                "1 | train --out DIR/z --data TEXT --config TINY --set train.device=mps | libtorch sees no Apple GPU here; use --device cpu",
                "1 | eval --model RUN --context 14 --suffix 5 --device mps       | libtorch sees no Apple GPU here; use --device cpu",
                "1 | generate --model RUN --prompt a --device mps                | libtorch sees no Apple GPU here; use --device cpu",
                "2 | eval --model RUN --context 14,x                             | x",
                "2 | eval --model RUN --context EMPTY                            | --context",
                "2 | eval --model RUN --context -5                               | -5",
                "2 | eval --model RUN --context 14 --suffix 14                   | every context to be longer",
                "2 | eval --model RUN --context 14 --suffix 0                    | suffix",
                "2 | eval --model RUN --context 1g                               | use shorter contexts or more data",
                "2 | eval --model RUN --context 99g                              | 99g",
                "2 | eval --model RUN --context 14 --suffix 5 --samples 0        | samples must be positive",
                "2 | eval --model RUN --context 14 --suffix 5 --threads=-1       | threads must be 0",
                "2 | eval --model RUN --context 14 --suffix 5 --device tpu       | device \"tpu\" is not known",
                "1 | eval --model RUN --context 14 --suffix 5 --data DIR/none    | DIR/none",
                "1 | eval --model DIR/none                                       | there is no run at",
                "2 | generate --model RUN                                        | give either --prompt TEXT or --prompt-file",
                "2 | generate --model RUN --prompt a --prompt-file b             | give either --prompt TEXT or --prompt-file",
                "1 | generate --model RUN --prompt-file DIR/none                 | cannot be read",
                "1 | generate --model RUN --prompt-file DIR                      | cannot be read",
                "2 | generate --model RUN --prompt a --temperature -1            | temperature must be 0",
                "2 | generate --model RUN --prompt a --temperature NaN           | temperature must be 0",
                "2 | generate --model RUN --prompt a --temperature warm          | warm",
                "2 | generate --model RUN --prompt a --top-p 0                   | top-p must be above 0",
                "2 | generate --model RUN --prompt a --top-p 2                   | top-p must be above 0",
                "2 | generate --model RUN --prompt a --max-tokens -1             | max-tokens must not be negative",
                "2 | generate --model RUN --prompt a --seed x                    | x",
                "2 | generate --model RUN --prompt a --device gpu                | device \"gpu\" is not known",
                "1 | generate --model DIR/none --prompt a                        | there is no run at",
                "2 | generate --prompt a                                         | --model",
                "1 | report DIR/none                                             | is not a folder",
                "1 | report DIR                                                  | holds no run",
                "2 | report                                                      | RUN",
            })
    void oneSentence(int code, String line, String part) throws IOException {
        assertThat(refused(code, line)).contains(part.replace("DIR", folder.toString()));
        assertThat(folder.resolve("z")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "train.length=31         | train.length was 33",
                "train.seed=2            | train.seed was 1",
                "model.layers=3          | model.layers was 2 when the run was started and is 3 now",
                "model.dropout=0.5       | model.dropout was 0",
                "model.pattern=8:1       | model.pattern was \"8:1,24:3\"",
                "data.heldOut=0.1        | data.heldOut was 0.3",
                "data.tokenizer=cl100k_base | too small for tokenizer cl100k_base",
            })
    void aResumedRunKeepsItsModelAndData(String setting, String part) throws IOException {
        assertThat(refused(2, "train --out RUN --resume --set train.steps=9 --set " + setting))
                .contains(part);
        assertThat(refused(2, "train --out RUN --resume --set train.steps=9 --data DIR"))
                .contains("data.sources was ");
    }

    @Test
    void aDeviceThatIsNotThereDoesNotStayInTheRun() throws IOException {
        refused(1, "train --out RUN --resume --set train.steps=7 --set train.device=cuda:7");
        Cli.ok(words("train --out RUN --resume --set train.steps=7"));
    }

    @Test
    void foldersWithoutText() throws IOException {
        Path empty = Files.createDirectories(folder.resolve("empty"));
        assertThat(refused(1, "train --out DIR/z --config TINY --data DIR/empty"))
                .contains("holds no text");
        Files.write(empty.resolve("a.bin"), new byte[] {0, 1, 2});
        Files.write(empty.resolve("b.bin"), new byte[] {0});
        assertThat(refused(1, "train --out DIR/z --config TINY --data DIR/empty"))
                .contains("holds no text", "2 binary");
        assertThat(folder.resolve("z")).doesNotExist();
    }

    @Test
    void aFileWhereTheRunShouldBe() throws IOException {
        Files.writeString(folder.resolve("file"), "mine");
        assertThat(refused(1, "train --out DIR/file --config TINY --data TEXT"))
                .contains("is a file and cannot hold a run; choose another --out");
        assertThat(refused(1, "train --out DIR/file/z --config TINY --data TEXT"))
                .contains("file");
        assertThat(refused(1, "train --out DIR/file --resume")).contains("there is no run at");
        assertThat(refused(1, "generate --model DIR/file --prompt a")).contains("there is no run at");
        assertThat(refused(1, "report DIR/file")).contains("is not a folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model: [", "model:\n  layers: many", "modle:\n  layers: 2", "- a", "\t", "model: 3"})
    void aConfigurationThatCannotBeRead(String yaml) throws IOException {
        Path file = Files.writeString(folder.resolve("bad.yaml"), yaml);
        assertThat(refused(2, "train --out DIR/z --data TEXT --config DIR/bad.yaml"))
                .contains("bad.yaml");
        Files.delete(file);
        Files.writeString(run.resolve("config.yaml"), yaml);
        for (String command :
                List.of("train --out RUN --resume", "eval --model RUN", "generate --model RUN --prompt a")) {
            assertThat(refused(1, command)).contains("config.yaml");
        }
    }

    private Path checkpoint(String file) {
        return run.resolve("checkpoints/step-00000005").resolve(file);
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "optimizer.safetensors", "state.json"})
    void aDamagedFileOfTheCheckpoint(String name) throws IOException {
        byte[] whole = Files.readAllBytes(checkpoint(name));
        List<byte[]> damages = new ArrayList<>(List.of(new byte[0], "garbage that is long".getBytes()));
        damages.add(Arrays.copyOf(whole, whole.length - 3));
        damages.add(Arrays.copyOf(whole, whole.length / 2));
        for (byte[] damage : damages) {
            Files.write(checkpoint(name), damage);
            assertThat(refused(1, "train --out RUN --resume --set train.steps=9"))
                    .contains("step-00000005");
            if (name.startsWith("model")) {
                assertThat(refused(1, "generate --model RUN --prompt a")).contains(name);
                assertThat(refused(1, "eval --model RUN --context 14 --suffix 5"))
                        .contains(name);
            }
        }
        Files.delete(checkpoint(name));
        assertThat(refused(1, "train --out RUN --resume --set train.steps=9")).contains(name);
    }

    /** A header that claims two gigabytes. */
    @Test
    void aHeaderThatIsTooLong() throws IOException {
        try (FileChannel channel = FileChannel.open(checkpoint("model.safetensors"), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {0, 0, 0, (byte) 0x80, 0, 0, 0, 0}), 0);
        }
        assertThat(refused(1, "generate --model RUN --prompt a")).contains("model.safetensors", "header");
    }

    @Test
    void aCheckpointOfAnotherModel() throws IOException {
        for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
            byte[] own = Files.readAllBytes(checkpoint(name));
            Files.write(
                    checkpoint(name),
                    Files.readAllBytes(
                            shared.resolve("y/checkpoints/step-00000005").resolve(name)));
            if (name.startsWith("model")) {
                assertThat(refused(1, "train --out RUN --resume --set train.steps=9"))
                        .contains("another model");
                assertThat(refused(1, "generate --model RUN --prompt a")).contains("another model");
            }
            Files.write(checkpoint(name), own);
        }
        Path wide = folder.resolve("wide");
        Cli.ok(words("train --data TEXT --out DIR/wide --config TINY --set model.feedForward=31"));
        for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
            byte[] own = Files.readAllBytes(checkpoint(name));
            Files.write(
                    checkpoint(name),
                    Files.readAllBytes(wide.resolve("checkpoints/step-00000005").resolve(name)));
            assertThat(refused(1, "train --out RUN --resume --set train.steps=9"))
                    .contains("another model", name);
            Files.write(checkpoint(name), own);
        }
    }

    @Test
    void aTokenizerThatTheModelWasNotTrainedWith() throws IOException {
        Path config = run.resolve("config.yaml");
        Files.writeString(config, Files.readString(config).replace("tokenizer: bytes", "tokenizer: cl100k_base"));
        for (String command : List.of("eval --model RUN --context 14 --suffix 5", "generate --model RUN --prompt a")) {
            assertThat(refused(1, command)).contains("tokenizer cl100k_base has", "but the model 256");
        }
    }

    @Test
    void modelsOfDifferentTokenizersAreNotCompared() throws IOException {
        Path other = Files.createDirectories(folder.resolve("other"));
        String config = Files.readString(run.resolve("config.yaml"));
        Files.writeString(other.resolve("config.yaml"), config.replace("tokenizer: bytes", "tokenizer: cl100k_base"));
        assertThat(refused(2, "eval --model RUN DIR/other --context 14 --suffix 5"))
                .contains("x reads text with tokenizer bytes and", "other with cl100k_base", "compare bits per byte");
    }

    @Test
    void aModelThatIsNotFiniteHasNoPerplexity() throws IOException {
        byte[] bytes = Files.readAllBytes(checkpoint("model.safetensors"));
        int header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
        Arrays.fill(bytes, 8 + header, bytes.length, (byte) 0xff); // NaN
        Files.write(checkpoint("model.safetensors"), bytes);
        assertThat(refused(1, "eval --model RUN --context 14 --suffix 5 --save --threads 1"))
                .contains("perplexity is NaN at a context of 14 tokens");
        assertThat(refused(1, "eval --model RUN --context 14 --suffix 5 --save --threads 1 --json"))
                .contains("perplexity is NaN");
    }

    /** Before the text is read, which may take minutes. */
    @Test
    void aWrongSuffixIsFoundFirst() throws IOException {
        assertThat(refused(2, "eval --model RUN --context 14 --suffix 14 --data DIR/none"))
                .contains("every context to be longer");
    }

    @Test
    void aRunWithoutACheckpoint() throws IOException {
        Path young = Files.createDirectories(folder.resolve("young"));
        Files.copy(run.resolve("config.yaml"), young.resolve("config.yaml"));
        assertThat(refused(1, "generate --model DIR/young --prompt a")).contains("has no checkpoint yet");
        assertThat(refused(1, "train --out DIR/young --data TEXT --config TINY"))
                .contains("--resume");
        Cli.ok(words("train --out DIR/young --resume"));
    }
}
