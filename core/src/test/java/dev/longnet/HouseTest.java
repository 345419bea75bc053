package dev.longnet;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The plan of the house: what each package may know, and that raw libtorch stays in one room. */
class HouseTest {
    private static final JavaClasses HOUSE = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.longnet");

    /** What a package may know of the others; all may know the root, {@code dev.longnet}. */
    private static final Map<String, List<String>> ARROWS = Map.ofEntries(
            Map.entry("pattern", List.of()),
            Map.entry("io", List.of()),
            Map.entry("config", List.of()),
            Map.entry("data", List.of("config", "io")),
            Map.entry("tensor", List.of("io")),
            Map.entry("ranks", List.of("tensor")),
            Map.entry("attention", List.of("pattern", "tensor", "ranks")),
            Map.entry("model", List.of("attention", "pattern", "tensor", "config")),
            Map.entry("generate", List.of("model", "tensor")),
            Map.entry("train", List.of("model", "attention", "pattern", "tensor", "ranks", "data", "config", "io")),
            Map.entry("read", List.of("train", "model", "pattern", "tensor", "data", "io")),
            Map.entry("eval", List.of("train", "model", "tensor", "data")),
            Map.entry("recall", List.of("train", "model", "attention", "pattern", "tensor", "ranks", "config", "io")),
            Map.entry("plan", List.of("model", "attention", "pattern", "config")),
            Map.entry("verify", List.of("model", "attention", "pattern", "tensor", "ranks", "io")));

    /** Packages that know nothing of libtorch. */
    private static final Set<String> PURE = Set.of("pattern", "io", "config", "data", "plan");

    static Stream<String> packages() {
        return ARROWS.keySet().stream().sorted();
    }

    @Test
    void everyPackageIsOnThePlan() {
        Set<String> found = HOUSE.stream()
                .map(JavaClass::getPackageName)
                .filter(name -> !name.equals("dev.longnet"))
                .map(name -> name.substring("dev.longnet.".length()))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(found).isEqualTo(new TreeSet<>(ARROWS.keySet()));
    }

    @ParameterizedTest
    @MethodSource("packages")
    void arrowsPointOneWay(String name) {
        String[] known = Stream.concat(
                        Stream.of("dev.longnet", "dev.longnet." + name),
                        ARROWS.get(name).stream().map(other -> "dev.longnet." + other))
                .toArray(String[]::new);
        classes()
                .that()
                .resideInAPackage("dev.longnet." + name)
                .should()
                .onlyDependOnClassesThat(describe(
                        "are outside the house or in " + Arrays.toString(known),
                        c -> !c.getPackageName().startsWith("dev.longnet")
                                || Arrays.asList(known).contains(c.getPackageName())))
                .check(HOUSE);
    }

    @Test
    void noPackagesGoInCircles() {
        slices().matching("dev.longnet.(*)..").should().beFreeOfCycles().check(HOUSE);
    }

    @Test
    void theRootKnowsNobody() {
        noClasses()
                .that()
                .resideInAPackage("dev.longnet")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.longnet.(*)..", "org.bytedeco..")
                .check(HOUSE);
    }

    @Test
    void somePackagesArePureJava() {
        noClasses()
                .that(describe(
                        "are pure Java",
                        c -> PURE.stream().anyMatch(name -> c.getPackageName().equals("dev.longnet." + name))))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.bytedeco..")
                .check(HOUSE);
    }

    /** A plan has to start at once, and where there is no libtorch. */
    @Test
    void plansKnowOnlyPureClasses() {
        noClasses()
                .that()
                .resideInAPackage("dev.longnet.plan")
                .should()
                .dependOnClassesThat(describe(
                        "know libtorch or those who do",
                        c -> c.getPackageName().matches("dev\\.longnet\\.(model|attention)")
                                && !c.getName()
                                        .matches(".*\\.(LongNetConfig(\\$\\w+)?|Execution\\$Activations|SharedPairs)")))
                .check(HOUSE);
    }

    /** Only what names the wrong argument to its caller is told from a mistake of the program itself. */
    @Test
    void wrongArgumentsHaveATypeOfTheirOwn() {
        noClasses()
                .that()
                .doNotHaveSimpleName("InvalidArgumentException")
                .should()
                .callConstructor(IllegalArgumentException.class, String.class)
                .orShould()
                .callConstructor(IllegalArgumentException.class, String.class, Throwable.class)
                .check(HOUSE);
    }

    /** A user's locale would turn 0.5 into 0,5 and "I" into a letter that no key has. */
    @Test
    void textIsTheSameInEveryLocale() {
        noClasses()
                .should()
                .callMethod(String.class, "format", String.class, Object[].class)
                .orShould()
                .callMethod(String.class, "formatted", Object[].class)
                .orShould()
                .callMethod(String.class, "toLowerCase")
                .orShould()
                .callMethod(String.class, "toUpperCase")
                .check(HOUSE);
    }

    @Test
    void rawLibtorchStaysInOneRoom() {
        DescribedPredicate<JavaClass> raw = describe(
                "are raw libtorch: global functions, the dispatcher, pointers, graph nodes, process groups",
                c -> c.getName().startsWith("org.bytedeco.pytorch.global.torch")
                                && !c.getName().contains("$")
                        || c.getPackageName().startsWith("org.bytedeco.pytorch.cuda")
                        || c.getPackageName().startsWith("org.bytedeco.pytorch.nccl")
                        || c.getPackageName().startsWith("org.bytedeco.pytorch.gloo")
                        || c.getPackageName().startsWith("org.bytedeco.cuda")
                        || c.getPackageName().startsWith("org.bytedeco.openblas")
                        || c.getPackageName().startsWith("org.bytedeco.javacpp")
                        || c.getPackageName().equals("org.bytedeco.pytorch")
                                && c.getSimpleName()
                                        .matches("Dispatcher|OperatorHandle|IValue.*|Node|Edge|Function.*Hook|GradMode"
                                                + "|Backend|ProcessGroup.*|.*Store|TCPStore.*|Work"));
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.longnet.tensor")
                .should()
                .dependOnClassesThat(raw)
                .check(HOUSE);
    }
}
