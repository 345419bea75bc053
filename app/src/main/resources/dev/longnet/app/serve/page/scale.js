/** The colours of surprise and of its change, as classes whose colours the style sheet has for light and dark. */
import { element } from "./dom.js";
import { known } from "./numbers.js";

/** Where one colour ends and the next begins, in nats or bits. */
const SURPRISE = [0.5, 1, 2, 3, 4, 5, 6, 8];
const CHANGE = [-2, -1, -0.25, 0.25, 1, 2];

const step = (bounds, value) => bounds.filter(bound => value >= bound).length;

/** The class of a loss, heat-0 (expected) to heat-8 (a surprise). */
export const heatOf = loss => (known(loss) ? "heat-" + step(SURPRISE, loss) : "heat-none");

/** The class of a difference, change-0 (much less surprising) to change-6 (much more). */
export const changeOf = difference => (known(difference) ? "change-" + step(CHANGE, difference) : "heat-none");

export const legendOfHeat = unit => legend("heat", SURPRISE, unit, "expected", "surprising");

export const legendOfChange = unit => legend("change", CHANGE, unit, "less surprising", "more surprising");

function legend(kind, bounds, unit, low, high) {
    const number = bound => String(bound).replace("-", "−");
    const boxes = [...bounds, null].map((bound, i) =>
        element(
            "li",
            { class: `${kind}-${i}` },
            bound === null ? "more" : (i === 0 ? (bounds[0] < 0 ? "below " : "0–") : "") + number(bound),
        ),
    );
    return [
        element("span", { text: low }),
        element("ol", { "aria-label": `Colours by upper bound in ${unit}` }, ...boxes),
        element("span", { text: `${high}, in ${unit} a token` }),
    ];
}
