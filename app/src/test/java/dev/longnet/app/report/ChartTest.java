package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

class ChartTest {
    static Element parse(String html) {
        try {
            return DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(new InputSource(new StringReader(html)))
                    .getDocumentElement();
        } catch (Exception e) {
            throw new AssertionError("not well formed: " + html, e);
        }
    }

    static List<Element> all(Element root, String tag) {
        var nodes = root.getElementsByTagName(tag);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    private static Chart chart() {
        return new Chart("Loss <b>", "Lower & better.")
                .x("step", Axis.Kind.STEPS)
                .y(Axis.Kind.LINEAR);
    }

    @Test
    void placesPointsInPercentOfThePlot() {
        Element figure = parse(chart().add(new Series("a", 0, new double[] {0, 5, 10}, new double[] {0, 10, 5}))
                .html());
        List<Element> dots = all(figure, "circle").stream()
                .filter(circle -> circle.getAttribute("class").equals("dot"))
                .toList();
        assertThat(dots).extracting(dot -> dot.getAttribute("cx")).containsExactly("0.00%", "50.00%", "100.00%");
        assertThat(dots).extracting(dot -> dot.getAttribute("cy")).containsExactly("100.00%", "0.00%", "50.00%");
        assertThat(all(figure, "path").get(0).getAttribute("d")).isEqualTo("M0.0 1000.0L500.0 0.0L1000.0 500.0");
    }

    @Test
    void saysWhatItShowsToThoseWhoDoNotSeeIt() {
        Element figure = parse(chart().add(new Series("a", 0, new double[] {1, 2}, new double[] {3, 4}))
                .html());
        Element svg = all(figure, "svg").get(0);
        assertThat(svg.getAttribute("role")).isEqualTo("img");
        assertThat(svg.getAttribute("aria-labelledby").split(" "))
                .containsExactly(
                        all(figure, "title").get(0).getAttribute("id"),
                        all(figure, "desc").get(0).getAttribute("id"));
        assertThat(all(figure, "title").get(0).getTextContent()).isEqualTo("Loss <b>");
        assertThat(all(figure, "title").get(1).getTextContent()).isEqualTo("a, 1: 3");
    }

    @Test
    void leavesAGapWhereAValueIsNotFinite() {
        Element figure = parse(chart().add(new Series("a", 0, new double[] {0, 1, 2, 3, 4}, new double[] {
                    0, 10, Double.NaN, 0, Double.POSITIVE_INFINITY
                }))
                .html());
        assertThat(all(figure, "path").get(0).getAttribute("d")).isEqualTo("M0.0 1000.0L250.0 0.0M750.0 1000.0");
    }

    @Test
    void hasALegendForSeveralSeriesOnly() {
        Series one = new Series("one", 0, new double[] {1, 2}, new double[] {3, 4});
        Series two = new Series("two & more", 1, new double[] {1, 2}, new double[] {4, 3});
        assertThat(all(parse(chart().add(one).add(one.inBackground()).html()), "li"))
                .isEmpty();
        assertThat(all(parse(chart().add(one).add(two).html()), "li"))
                .extracting(Element::getTextContent)
                .containsExactly("one", "two & more");
    }

    @Test
    void marksAnXWithinItsSpan() {
        Series line = new Series("one", 0, new double[] {1024, 4096}, new double[] {3, 4});
        Element figure = parse(new Chart("t", "d")
                .x("tokens", Axis.Kind.TOKENS)
                .add(line)
                .mark(2048, "trained 2K")
                .mark(8192, "trained 8K")
                .html());
        assertThat(all(figure, "text").stream()
                        .filter(text -> text.getAttribute("class").equals("mark"))
                        .map(text -> text.getTextContent() + " at " + text.getAttribute("x")))
                .containsExactly("trained 2K at 50.00%");
    }

    @Test
    void drawsManyPointsWithoutDotsAndNoneWithoutFailing() {
        double[] values = IntStream.range(0, 65).asDoubleStream().toArray();
        assertThat(all(parse(chart().add(new Series("a", 0, values, values)).html()), "circle"))
                .isEmpty();
        assertThat(all(parse(chart().html()), "path")).isEmpty();
        assertThat(all(
                        parse(chart().add(new Series("a", 0, new double[0], new double[0]))
                                .html()),
                        "path"))
                .hasSize(1);
    }
}
