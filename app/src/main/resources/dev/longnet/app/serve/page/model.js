/** The header: which model this is, and the key where the server asks for one. */
import { call, useKey } from "./api.js";
import { byId, element } from "./dom.js";
import { compact, tokens, whole } from "./numbers.js";
import { refreshStates } from "./states.js";
import { put } from "./store.js";

export function startModel() {
    document.addEventListener("key-needed", event => askForKey(event.detail));
    byId("key-form").addEventListener("submit", event => {
        event.preventDefault();
        useKey(byId("key").value.trim());
        byId("key-form").hidden = true;
        byId("key-error").textContent = "";
        load();
    });
    load();
}

async function load() {
    byId("model-error").textContent = "";
    try {
        const models = await call("v1/models");
        show(models.data[0]);
        put("model", models.data[0]);
        await refreshStates();
    } catch (error) {
        if (error.status !== 401) {
            byId("model-error").textContent = error.message;
        }
        byId("model-name").textContent = "no model yet";
    }
}

function askForKey(refusal) {
    const form = byId("key-form");
    byId("key-error").textContent = refusal;
    if (form.hidden) {
        form.hidden = false;
        byId("key").focus();
        byId("key").select();
    }
}

function show(model) {
    const about = model.longnet;
    document.title = model.id + " · LongNet";
    byId("model-name").textContent = model.id;
    byId("model-pattern").textContent = about.pattern;
    byId("model-facts").replaceChildren(
        fact("parameters", compact(about.parameters), "weights of the model"),
        fact("layers", whole(about.layers), `${whole(about.heads)} heads, embedding ${whole(about.embedding)}`),
        fact("vocabulary", whole(about.vocabulary), "tokenizer " + about.tokenizer),
        fact("longest prompt", tokens(about.limits.prompt_tokens), "tokens"),
        fact("device", about.device, "positions " + about.positions),
    );
}

const fact = (name, value, unit) =>
    element(
        "div",
        {},
        element("dt", { text: name }),
        element("dd", { text: value }),
        element("dd", { class: "unit", text: unit }),
    );
