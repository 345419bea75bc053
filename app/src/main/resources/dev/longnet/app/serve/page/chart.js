/** Line charts as SVG that take any width: places in percent, only the curve is stretched. */
import { element, svg } from "./dom.js";
import { fixed, known, tokens } from "./numbers.js";

const percent = share => (100 * share).toFixed(3) + "%";

/** Loss by the number of tokens read before, on a logarithmic axis. */
export function positionChart(name, byPosition) {
    const points = byPosition.filter(part => known(part.loss)).map(part => ({ x: part.to, y: part.loss }));
    return element(
        "figure",
        { class: "chart" },
        element(
            "figcaption",
            {},
            element("strong", { text: "Loss by position" }),
            element("span", {
                text: ` in ${name}. Mean nats a token between one point and the one before; where it falls, what was read helps.`,
            }),
        ),
        element("div", { class: "plot" }, points.length === 0 ? null : plot(points)),
    );
}

function plot(points) {
    const x = doublings(points.map(point => point.x));
    const y = linear(points.map(point => point.y));
    const drawing = svg("svg", {
        role: "img",
        "aria-label": `Loss by position: ${fixed(points[0].y, 2)} nats up to position ${tokens(points[0].x)}, ${fixed(
            points.at(-1).y,
            2,
        )} up to ${tokens(points.at(-1).x)}`,
    });
    for (const tick of y.ticks) {
        const at = percent(1 - y.place(tick));
        drawing.append(
            svg("line", { class: "grid", x2: "100%", y1: at, y2: at }),
            svg("text", { class: "y", x: -8, y: at, text: fixed(tick, y.digits) }),
        );
    }
    for (const tick of x.ticks) {
        const at = percent(x.place(tick));
        drawing.append(
            svg("line", { class: "tick", x1: at, x2: at, y1: "100%", y2: "100%" }),
            svg("text", { class: "x", x: at, y: "100%", text: tokens(tick) }),
        );
    }
    drawing.append(svg("text", { class: "x axis", x: "100%", y: "100%", text: "position in tokens" }));
    const path = points
        .map(point => `${(1000 * x.place(point.x)).toFixed(1)} ${(1000 * (1 - y.place(point.y))).toFixed(1)}`)
        .join("L");
    drawing.append(
        svg(
            "svg",
            { class: "curves", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
            svg("path", { d: "M" + path }),
        ),
    );
    for (const point of points.length <= 64 ? points : []) {
        const dot = svg("circle", {
            class: "dot",
            cx: percent(x.place(point.x)),
            cy: percent(1 - y.place(point.y)),
            r: 3.5,
        });
        dot.append(svg("title", { text: `${fixed(point.y, 3)} nats up to position ${tokens(point.x)}` }));
        drawing.append(dot);
    }
    return drawing;
}

/** From the first value to the last, a tick at powers of two, at most seven of them. */
function doublings(values) {
    let low = Math.min(...values);
    let high = Math.max(...values);
    if (low === high) {
        low /= 2;
        high *= 2;
    }
    const first = Math.ceil(Math.log2(low) - 1e-9);
    const last = Math.floor(Math.log2(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first + 1) / 7));
    const ticks = [];
    for (let power = last; power >= first; power -= every) {
        ticks.push(2 ** power);
    }
    return { ticks, place: value => Math.log(value / low) / Math.log(high / low) };
}

/** Round numbers around the values, some four steps of 1, 2 or 5. */
function linear(values) {
    let low = Math.min(...values);
    let high = Math.max(...values);
    if (low === high) {
        low -= 0.1;
        high += 0.1;
    }
    const unit = 10 ** Math.floor(Math.log10((high - low) / 4));
    const step = unit * [1, 2, 5, 10].find(nice => nice * unit >= ((high - low) / 4) * (1 - 1e-9));
    const first = Math.floor(low / step + 1e-9);
    const last = Math.ceil(high / step - 1e-9);
    const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
    return {
        ticks,
        digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)),
        place: value => (value - first * step) / ((last - first) * step),
    };
}
