/** Surprise: how unexpected each token is, given little of the text before it, more, or all. */
import { call } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { fixed, known, parseCount, plural, signed, tokens } from "./numbers.js";
import { changeOf, heatOf, legendOfChange, legendOfHeat } from "./scale.js";
import { offerStates } from "./states.js";
import { get, put, watch } from "./store.js";
import { nameOf, TokenView } from "./tokens.js";

let view;
let measured = null; // the answer, and the state it was asked with
let shown = 0; // which of the contexts
let own = false; // whether the text is the user's own
let measuring = null;

export function startSurprise() {
    view = new TokenView(byId("surprise-tokens"), "Tokens by surprise", {
        move: index => detail(index, "polite"),
        hover: index => detail(index >= 0 ? index : view.at, "off"),
    });
    offerStates(byId("surprise-state"), "nothing", true);
    watch("written", text => {
        if (!own && text !== "") {
            byId("surprise-text").value = text;
        }
    });
    byId("surprise-text").addEventListener("input", () => (own = byId("surprise-text").value !== ""));
    byId("surprise-take").addEventListener("click", () => {
        own = false;
        byId("surprise-text").value = get("written");
        byId("surprise-text").focus();
    });
    byId("surprise-form").addEventListener("submit", event => {
        event.preventDefault();
        measure();
    });
    byId("surprise-form").addEventListener("keydown", event => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            byId("surprise-form").requestSubmit();
        }
    });
    byId("unit").addEventListener("change", () => measured && show());
    for (const radio of document.getElementsByName("colour")) {
        radio.addEventListener("change", paint);
    }
}

async function measure() {
    measuring?.abort();
    measuring = new AbortController();
    const { signal } = measuring;
    byId("surprise-error").textContent = "";
    try {
        const text = byId("surprise-text").value;
        if (text === "") {
            throw new Error("Put a text here first, or let the model write one above.");
        }
        const contexts = byId("contexts").value.split(/[\s,;]+/).filter(part => part !== "");
        const body = { text, contexts: contexts.map(part => parseCount(part, "A context")) };
        const state = byId("surprise-state").value;
        if (state !== "") {
            body.state = state;
        }
        setText(byId("surprise-status"), "Measuring …");
        const answer = await call("v1/surprise", { body, signal });
        measured = { ...answer, state: state === "" ? null : get("states").find(one => one.id === state) };
        shown = measured.contexts.length - 1;
        view.show(measured.tokens);
        show();
        setText(byId("surprise-status"), `${plural(measured.tokens.length, "token")} measured.`);
        put("measured", measured);
    } catch (error) {
        if (!signal.aborted) {
            setText(byId("surprise-status"), "");
            byId("surprise-error").textContent = error.message;
        }
    }
}

const inUnit = nats => (known(nats) ? nats / (byId("unit").value === "bits" ? Math.LN2 : 1) : null);

function nameOfContext(context) {
    return context === null ? (measured.state ? "all of it and the state" : "all of it") : plural(context, "token");
}

/** All but the tokens themselves: the contexts with their means, and the words that depend on them. */
function show() {
    byId("surprise-empty").hidden = true;
    byId("surprise-result").hidden = false;
    const most = Math.max(...measured.contexts.map(one => one.mean ?? 0), 1e-9);
    byId("context-choice").replaceChildren(
        ...measured.contexts.map((one, index) => {
            const radio = element("input", {
                type: "radio",
                name: "context",
                value: String(index),
                onchange: () => {
                    shown = index;
                    paint();
                },
            });
            radio.checked = index === shown;
            return element(
                "label",
                { class: "row" },
                element("span", {}, radio, " ", nameOfContext(one.context)),
                bar((one.mean ?? 0) / most),
                element("span", { class: "number", text: `${fixed(inUnit(one.mean), 3)} ${byId("unit").value}` }),
            );
        }),
    );
    setText(byId("change-label"), "the change against " + nameOfContext(measured.contexts[0].context));
    paint();
}

function bar(share) {
    const fill = element("span", { class: "fill" });
    fill.style.width = 100 * share + "%";
    return element("span", { class: "track" }, fill);
}

/** The colour of every token under the context that is shown. */
function paint() {
    const change = document.querySelector("input[name=colour]:checked").value === "change";
    const unit = byId("unit").value;
    byId("legend").replaceChildren(...(change ? legendOfChange(unit) : legendOfHeat(unit)));
    const losses = measured.contexts[shown].losses;
    const before = measured.contexts[0].losses;
    for (let i = 0; i < view.length; i++) {
        const difference = known(losses[i]) && known(before[i]) ? inUnit(losses[i] - before[i]) : null;
        view.span(i).className = change ? changeOf(difference) : heatOf(inUnit(losses[i]));
    }
    detail(view.at, "off");
}

/** One token under every context, said aloud only where it was come to by key. */
function detail(index, live) {
    byId("token-detail").setAttribute("aria-live", live);
    if (index < 0 || index >= view.length) {
        byId("token-detail").replaceChildren(
            element("p", { class: "note", text: "Point at a token, or go to one with Tab and the arrow keys." }),
        );
        return;
    }
    const losses = measured.contexts.map(one => one.losses[index]);
    const most = Math.max(...losses.map(loss => loss ?? 0), 1e-9);
    byId("token-detail").replaceChildren(
        element(
            "p",
            {},
            `token ${index}: `,
            element("strong", { class: "token", text: nameOf(measured.tokens[index]) }),
        ),
        ...measured.contexts.map((one, i) =>
            element(
                "div",
                { class: i === shown ? "row current" : "row" },
                element("span", { text: nameOfContext(one.context) }),
                bar((losses[i] ?? 0) / most),
                element("span", { class: "number", text: fixed(inUnit(losses[i]), 2) }),
            ),
        ),
        element("p", { class: "note", text: sentence(losses) }),
    );
}

function sentence(losses) {
    const first = losses[0];
    const last = losses.at(-1);
    if (!known(last)) {
        return "Nothing stands before the first token, so nothing can be expected.";
    }
    const chance = `Given everything, its chance was ${share(Math.exp(-last))}`;
    if (!known(first) || losses.length < 2) {
        return chance + ".";
    }
    const change = inUnit(last - first);
    const digits = signed(change, 2);
    return `${chance}; against ${tokens(measured.contexts[0].context)} tokens its surprise changed by ${digits} ${byId("unit").value}.`;
}

function share(probability) {
    if (probability < 0.0001) {
        return "1 in " + Math.round(1 / probability).toLocaleString("en-GB");
    }
    return Number((100 * probability).toPrecision(2)) + " %";
}
