package dev.longnet.spark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The plan of this room: it knows Spark, and neither libtorch nor the rest of LongNet. */
class HouseTest {
    private static final JavaClasses ROOM = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.longnet.spark");

    @Test
    void knowsSparkAlone() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "dev.longnet.spark", "org.apache.spark..", "scala..", "picocli")
                .check(ROOM);
    }

    /** The class path of a rank holds no Spark. */
    @Test
    void theProcessOfARankKnowsNothing() {
        classes()
                .that()
                .haveFullyQualifiedName(Child.class.getName())
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..")
                .check(ROOM);
    }
}
