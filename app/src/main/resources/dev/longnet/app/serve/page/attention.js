/** Attention: what every branch and head shows a position, and in how many layers another token reaches it. */
import { call } from "./api.js";
import { branchFigures, reachFigure, shows } from "./branches.js";
import { byId, debounced, element, setText } from "./dom.js";
import { parseCount, plural, whole } from "./numbers.js";
import { get, watch } from "./store.js";
import { nameOf, TokenView } from "./tokens.js";

let view;
let measured = null; // the text whose tokens may be chosen
let answer = null;
let asking = null;
const askSoon = debounced(120, () => ask());

export function startAttention() {
    view = new TokenView(byId("attention-tokens"), "Tokens to choose a position from", {
        move: index => {
            byId("position").value = String(index);
            askSoon();
        },
        mark: index => {
            byId("target").value = String(index);
            askSoon();
        },
    });
    for (const name of ["position", "target"]) {
        byId(name).addEventListener("input", askSoon);
    }
    byId("length").addEventListener("input", () => {
        forget();
        askSoon();
    });
    byId("position-slide").addEventListener("input", slide);
    byId("head").addEventListener("change", () => answer && draw());
    for (const button of document.querySelectorAll("[data-length]")) {
        button.addEventListener("click", () => {
            byId("length").value = button.dataset.length;
            forget();
            ask();
        });
    }
    for (const radio of document.getElementsByName("source")) {
        radio.addEventListener("change", () => useText(radio.value === "text" && radio.checked));
    }
    byId("attention-form").addEventListener("submit", event => {
        event.preventDefault();
        ask();
    });
    watch("model", model => {
        if (model !== null) {
            byId("head").replaceChildren(
                element("option", { value: "all", text: "all" }),
                ...Array.from({ length: model.longnet.heads }, (_, head) =>
                    element("option", { value: String(head), text: "head " + head }),
                ),
            );
            ask();
        }
    });
    watch("measured", text => text !== null && take(text));
}

const fromText = () => document.querySelector("input[name=source]:checked").value === "text";

/** Positions of a text count from where what was read before it ends. */
const start = () => (fromText() ? (measured.state?.tokens ?? 0) : 0);

const length = () => (fromText() ? measured.tokens.length : parseCount(byId("length").value, "The length"));

function take(text) {
    measured = text;
    const state = text.state ? `, after the ${plural(text.state.tokens, "token")} of ${text.state.id}` : "";
    setText(byId("source-text"), `the text measured above (${plural(text.tokens.length, "token")}${state})`);
    const radio = document.querySelector("input[name=source][value=text]");
    radio.disabled = false;
    radio.checked = true;
    view.show(text.tokens);
    useText(true);
}

function useText(on) {
    byId("attention-text").hidden = !on;
    byId("length-field").hidden = on;
    byId("presets").hidden = on;
    forget();
    ask();
}

/** Positions of another text mean nothing. */
function forget() {
    byId("position").value = "";
    byId("target").value = "";
}

/** The last position at which the first head attends in the sparsest branch too, so that there is something to see. */
function lastSeen(before, all) {
    const pattern = get("model")?.longnet.pattern ?? "";
    const branches = Array.from(pattern.matchAll(/(\d+):(\d+)/g), ([, segment, ratio]) => [Number(segment), Number(ratio)]);
    const [segment, ratio] = branches.reduce((one, other) => (other[1] > one[1] ? other : one), [1, 1]);
    const position = all - 1 - (((all - 1) % segment) % ratio);
    return position >= before ? position : all - 1;
}

function slide() {
    try {
        const share = byId("position-slide").valueAsNumber / Number(byId("position-slide").max);
        byId("position").value = String(Math.round(share * (length() - 1)));
        askSoon();
    } catch (error) {
        byId("attention-error").textContent = error.message;
    }
}

async function ask() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
        const before = start();
        const all = before + length();
        byId("position").placeholder = String(lastSeen(before, all) - before);
        answer = await call("v1/attention?" + question(before, all), { signal });
        byId("attention-error").textContent = "";
        draw();
    } catch (error) {
        if (!signal.aborted) {
            byId("attention-error").textContent = error.message;
            answer = null;
            byId("branches").replaceChildren();
            byId("reach").replaceChildren();
            setText(byId("hops"), "");
        }
    }
}

function question(before, all) {
    const position = parseCount(byId("position").value.trim() || byId("position").placeholder, "The position");
    if (position >= all - before) {
        throw new Error(`The position must be below the length, ${whole(all - before)}, not ${whole(position)}.`);
    }
    const wished = { length: all, position: before + position };
    if (byId("target").value.trim() !== "") {
        const target = parseCount(byId("target").value, "The token it is reached from");
        if (target > position) {
            throw new Error(`A token is reached from those before it: ${whole(target)} comes after ${whole(position)}.`);
        }
        wished.target = before + target;
    }
    return new URLSearchParams(wished);
}

function draw() {
    const before = start();
    const head = byId("head").value === "all" ? null : Number(byId("head").value);
    const place = answer.length > 1 ? (answer.position - before) / Math.max(1, answer.length - before - 1) : 0;
    byId("position-slide").value = String(Math.round(place * Number(byId("position-slide").max)));
    byId("reach").replaceChildren(reachFigure(answer, head));
    byId("branches").replaceChildren(...branchFigures(answer, head));
    setText(byId("hops"), hops(before));
    if (fromText()) {
        mark(before, head);
    }
}

function hops(before) {
    if (answer.target === null || answer.target === undefined) {
        return "";
    }
    const name = position =>
        fromText() && position >= before
            ? `${whole(position - before)} (${nameOf(measured.tokens[position - before])})`
            : whole(position);
    if (answer.hops_computed === false) {
        return `Paths are not searched as far into a text as position ${whole(answer.position)}; choose an earlier one.`;
    }
    if (answer.hops === null) {
        return `Nothing of token ${name(answer.target)} reaches token ${name(answer.position)}, in any number of layers.`;
    }
    const layers = get("model")?.longnet.layers;
    const enough = layers === undefined || answer.hops <= layers ? "" : ` This model has ${whole(layers)}, too few.`;
    return `Token ${name(answer.target)} reaches token ${name(answer.position)} in ${plural(answer.hops, "layer")}: ${answer.path
        .map(name)
        .join(" → ")}.${enough}`;
}

/** Stripes under the tokens of the text, one for each branch that shows it; the position, the path. */
function mark(before, head) {
    const path = new Set(answer.hops === null ? [] : (answer.path ?? []));
    for (let i = 0; i < view.length; i++) {
        const span = view.span(i);
        const position = before + i;
        const stripes = answer.branches.map((branch, b) => (shows(branch, position, head) ? b : -1)).filter(b => b >= 0);
        span.style.backgroundImage = stripes
            .map(b => `linear-gradient(var(--branch-${(b % 6) + 1}), var(--branch-${(b % 6) + 1}))`)
            .join(",");
        span.style.backgroundPosition = stripes.map(b => `0 calc(100% - ${4 * (b % 6)}px)`).join(",");
        span.dataset.branches = stripes.join(" ");
        span.className = [
            position === answer.position ? "here" : "",
            position === answer.target ? "target" : "",
            path.has(position) ? "path" : "",
            position > answer.position ? "later" : "",
        ]
            .filter(name => name !== "")
            .join(" ");
    }
}
