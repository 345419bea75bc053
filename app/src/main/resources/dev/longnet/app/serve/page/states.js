/** What the model has read: the list, choosing one to go on from, deleting one. */
import { call } from "./api.js";
import { byId, element } from "./dom.js";
import { positionChart } from "./chart.js";
import { bytes, fixed, known, plural } from "./numbers.js";
import { get, put, watch } from "./store.js";

const NOTHING = "";

export function startStates() {
    watch("states", show);
    watch("state", choose);
}

export async function refreshStates() {
    try {
        put("states", (await call("v1/states")).data);
        byId("states-error").textContent = "";
    } catch (error) {
        byId("states-error").textContent = error.message;
        throw error;
    }
}

/** Keeps a select filled with the names of all states; it follows the choice in the list if it is told to. */
export function offerStates(select, nothing, follows) {
    watch("states", states => {
        const chosen = select.value;
        select.replaceChildren(
            element("option", { value: NOTHING, text: nothing }),
            ...states.map(state => element("option", { value: state.id, text: state.id })),
        );
        select.value = states.some(state => state.id === chosen) ? chosen : NOTHING;
    });
    if (follows) {
        watch("state", id => (select.value = id));
    }
}

function show(states) {
    const chosen = states.some(state => state.id === get("state")) ? get("state") : NOTHING;
    byId("states-empty").hidden = states.length > 0;
    byId("states").replaceChildren(
        ...(states.length === 0 ? [] : [row(NOTHING, "nothing: write from the prompt alone", null)]),
        ...states.map(state => row(state.id, state.id, state)),
    );
    put("state", chosen);
}

function row(id, name, state) {
    const radio = element("input", { type: "radio", name: "state", value: id, onchange: () => put("state", id) });
    const item = element("li", {}, element("label", {}, radio, element("span", { class: "name", text: name })));
    if (state) {
        const loss = known(state.loss) ? `, loss ${fixed(state.loss, 3)} nats` : "";
        item.append(
            element("span", { class: "about", text: plural(state.tokens, "token") + loss + ", " + bytes(state.bytes) }),
            element("button", {
                type: "button",
                class: "quiet",
                "aria-label": "Delete " + id,
                text: "Delete",
                onclick: () => askToDelete(item, id),
            }),
        );
    }
    return item;
}

function choose(id) {
    for (const radio of byId("states").querySelectorAll("input")) {
        radio.checked = radio.value === id;
    }
    const state = get("states").find(one => one.id === id);
    byId("read-chart").replaceChildren(
        ...(state && state.by_position?.length > 1 ? [positionChart(state.id, state.by_position)] : []),
    );
}

function askToDelete(item, id) {
    const before = [...item.childNodes];
    const keep = element("button", { type: "button", text: "Keep it", onclick: back });
    item.replaceChildren(
        element("span", { class: "name", text: `Delete ${id} for good?` }),
        element(
            "span",
            { class: "line" },
            element("button", { type: "button", class: "main", text: "Delete it", onclick: () => remove(id, back) }),
            keep,
        ),
    );
    keep.focus();

    function back() {
        item.replaceChildren(...before);
        item.querySelector("button").focus();
    }
}

async function remove(id, back) {
    try {
        await call("v1/states/" + encodeURIComponent(id), { method: "DELETE" });
        await refreshStates();
        (byId("states").querySelector("input:checked") ?? byId("choose-files")).focus();
    } catch (error) {
        back();
        byId("states-error").textContent = error.message;
    }
}
