/** Pictures of what branches show: each segment with the keys that heads see, and how far back all of it goes. */
import { element, svg } from "./dom.js";
import { plural, tokens, whole } from "./numbers.js";

/** Of more keys than these every second, third, … is drawn. */
const MOST_MARKS = 300;

const percent = share => (100 * share).toFixed(3) + "%";

const wished = (branch, head) => branch.heads.filter(one => head === null || one.head === head);

/** Whether some head, or this one, is shown the position in the branch. */
export const shows = (branch, position, head) =>
    wished(branch, head).some(
        one =>
            one.kept &&
            one.first <= position &&
            position <= one.last &&
            (position - one.first) % Math.max(1, one.step) === 0,
    );

export const branchFigures = (answer, head) =>
    answer.branches.map((branch, index) => {
        const heads = wished(branch, head);
        return element(
            "figure",
            { class: "branch", "data-branch": String(index) },
            element(
                "figcaption",
                {},
                element("strong", { class: "b" + ((index % 6) + 1), text: `${tokens(branch.segment)}:${branch.ratio}` }),
                ` segment of ${whole(branch.segment)}, ${branch.ratio === 1 ? "every token" : "every " + nth(branch.ratio) + " token"}; `,
                element("span", { class: "soft", text: summary(heads) }),
            ),
            element("div", { class: "segment b" + ((index % 6) + 1) }, segment(branch, heads, answer)),
        );
    });

function nth(number) {
    const ending = { 1: "st", 2: "nd", 3: "rd" }[number % 10];
    return whole(number) + (ending && Math.floor(number / 10) % 10 !== 1 ? ending : "th");
}

function summary(heads) {
    const kept = heads.filter(one => one.kept);
    if (kept.length === 0) {
        return heads.length === 1 ? "this head does not attend here" : "no head attends here";
    }
    const most = Math.max(...kept.map(one => one.count));
    const every = Math.max(...kept.map(thinned));
    const who = kept.length === heads.length ? plural(kept.length, "head") : `${kept.length} of ${plural(heads.length, "head")}`;
    return `${who}, ${plural(most, "key")} each${every > 1 ? `, 1 in ${whole(every)} drawn` : ""}`;
}

/** An unbroken row of keys is one bar, so there is nothing to thin. */
const thinned = one => (one.step <= 1 ? 1 : Math.ceil(one.count / MOST_MARKS));

/** A row for each head; the whole width is the segment. */
function segment(branch, heads, answer) {
    const size = branch.to - branch.from;
    const place = position => (position - branch.from) / size;
    const row = heads.length > 8 ? 9 : 15;
    const height = heads.length * row;
    const drawing = svg("svg", {
        role: "img",
        height: String(height + 22),
        "aria-label": `Positions ${whole(branch.from)} to ${whole(branch.to - 1)}: ${heads.map(describe).join("; ")}`,
    });
    heads.forEach((one, i) => {
        const y = i * row;
        drawing.append(
            svg("rect", { class: "track", x: 0, y, width: "100%", height: row - 2, rx: 2 }),
            row >= 12 || i % 2 === 0
                ? svg("text", { class: "head", x: -6, y: y + row / 2, text: String(one.head) })
                : "",
        );
        if (one.kept) {
            drawing.append(keys(one, branch, y, row - 2));
        }
    });
    const here = percent(place(answer.position + 0.5));
    drawing.append(svg("line", { class: "here", x1: here, x2: here, y1: -3, y2: height + 3 }));
    const target = answer.target ?? -1;
    if (branch.from <= target && target < branch.to) {
        const there = percent(place(target + 0.5));
        drawing.append(svg("line", { class: "there", x1: there, x2: there, y1: -3, y2: height + 3 }));
    }
    drawing.append(
        svg("text", { class: "end", x: 0, y: height + 14, text: whole(branch.from) }),
        svg("text", { class: "end last", x: "100%", y: height + 14, text: whole(branch.to - 1) }),
    );
    return drawing;
}

const describe = one =>
    one.kept
        ? `head ${one.head} sees ${plural(one.count, "key")} from ${whole(one.first)} to ${whole(one.last)}, ${
              one.step <= 1 ? "all of them" : "every " + nth(one.step)
          }`
        : `head ${one.head} does not attend here`;

/** One path for all marks of a head, in units of a thousandth of the segment. */
function keys(one, branch, y, height) {
    const unit = 1000 / (branch.to - branch.from);
    const width = Math.max(unit, 0.8);
    const at = position => ((position - branch.from) * unit).toFixed(2);
    let path = "";
    let drawn = 0;
    if (one.step <= 1) {
        path = `M${at(one.first)} 0H${at(one.last + 1)}V1H${at(one.first)}z`;
        drawn = one.count;
    } else {
        // Counted from the last, which is nearest to the position.
        for (let key = one.last; key >= one.first; key -= one.step * thinned(one)) {
            path += `M${at(key)} 0h${width.toFixed(2)}v1h-${width.toFixed(2)}z`;
            drawn++;
        }
    }
    const marks = svg("path", { d: path, "data-head": String(one.head), "data-drawn": String(drawn) });
    marks.append(svg("title", { text: describe(one) }));
    return svg("svg", { class: "keys", y, height, viewBox: "0 0 1000 1", preserveAspectRatio: "none" }, marks);
}

/** How far back each branch shows something, on one logarithmic axis. */
export function reachFigure(answer, head) {
    const far = answer.branches.map(branch => {
        const kept = wished(branch, head).filter(one => one.kept);
        return kept.length === 0
            ? null
            : {
                  near: answer.position - Math.max(...kept.map(one => one.last)),
                  far: answer.position - Math.min(...kept.map(one => one.first)),
                  step: Math.max(1, kept[0].step),
              };
    });
    const most = Math.max(1, ...far.map(one => one?.far ?? 0));
    const place = distance => Math.log2(1 + distance) / Math.log2(1 + most);
    const row = 16;
    const height = far.length * row;
    const drawing = svg("svg", { role: "img", height: String(height + 22), "aria-label": "How far back branches show keys" });
    const last = Math.floor(Math.log2(most));
    const every = Math.max(1, Math.ceil((last + 1) / 6));
    for (let power = last; power >= 0; power -= every) {
        const at = percent(1 - place(2 ** power));
        drawing.append(
            svg("line", { class: "grid", x1: at, x2: at, y2: height }),
            svg("text", { class: "middle", x: at, y: height + 14, text: tokens(2 ** power) }),
        );
    }
    drawing.append(svg("text", { class: "end last", x: "100%", y: height + 14, text: "0" }));
    far.forEach((one, i) => {
        const label = `${tokens(answer.branches[i].segment)}:${answer.branches[i].ratio}`;
        drawing.append(svg("text", { class: "head", x: -6, y: i * row + row / 2, text: label }));
        if (one !== null) {
            const from = 1 - place(one.far);
            const bar = svg("rect", {
                class: "span b" + ((i % 6) + 1),
                x: percent(from),
                y: i * row + 3,
                width: percent(Math.max(0.004, 1 - place(one.near) - from)),
                height: row - 6,
                rx: 2,
            });
            bar.append(svg("title", { text: `from ${whole(one.far)} tokens back to ${whole(one.near)}` }));
            drawing.append(bar);
        }
    });
    return element(
        "figure",
        { class: "branch far" },
        element(
            "figcaption",
            {},
            element("strong", { text: "How far back" }),
            element("span", { class: "soft", text: " tokens before the position, each doubling equally wide" }),
        ),
        element("div", { class: "segment wide" }, drawing),
    );
}
