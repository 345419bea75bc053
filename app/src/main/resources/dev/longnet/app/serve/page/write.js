/** Writing: a completion that appears as the model makes it. */
import { stopped, stream } from "./api.js";
import { byId, setText } from "./dom.js";
import { fixed, plural } from "./numbers.js";
import { offerStates } from "./states.js";
import { put } from "./store.js";

let writing = null;
let prompt = "";

export function startWrite() {
    offerStates(byId("write-state"), "nothing", true);
    byId("write-form").addEventListener("submit", event => {
        event.preventDefault();
        write();
    });
    byId("write").addEventListener("keydown", event => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            byId("write-form").requestSubmit();
        }
    });
    document.addEventListener("keydown", event => {
        if (event.key === "Escape") {
            writing?.abort();
        }
    });
    byId("write-stop").addEventListener("click", () => writing?.abort());
    byId("write-on").addEventListener("click", () => {
        byId("prompt").value = prompt + byId("written-text").textContent;
        byId("prompt").focus();
        byId("prompt").scrollTop = byId("prompt").scrollHeight;
    });
}

/** The request; a text such as \n in the stop field stands for the character that it means. */
function wish() {
    const body = {
        prompt,
        max_tokens: byId("max-tokens").valueAsNumber,
        temperature: byId("temperature").valueAsNumber,
        top_p: byId("top-p").valueAsNumber,
        stream: true,
        stream_options: { include_usage: true },
    };
    const stop = byId("stop").value.replace(/\\([nt\\])/g, (_, letter) => ({ n: "\n", t: "\t", "\\": "\\" })[letter]);
    const optional = { seed: byId("seed").valueAsNumber, stop, state: byId("write-state").value };
    for (const [name, value] of Object.entries(optional)) {
        if (value !== "" && !Number.isNaN(value)) {
            body[name] = value;
        }
    }
    return body;
}

async function write() {
    if (writing !== null) {
        return;
    }
    writing = new AbortController();
    prompt = byId("prompt").value;
    const text = document.createTextNode("");
    byId("written-prompt").textContent = prompt;
    byId("written-text").replaceChildren(text);
    byId("write-error").textContent = "";
    running(true);
    let count = 0;
    let reason = null;
    let first = 0;
    const rate = () => (count > 1 ? `${fixed((1000 * (count - 1)) / (performance.now() - first), 1)} tokens/s` : "");
    setText(byId("write-status"), "Writing …");
    try {
        for await (const chunk of stream("v1/completions", wish(), writing.signal)) {
            const choice = chunk.choices[0];
            if (choice) {
                first ||= performance.now();
                count++;
                reason = choice.finish_reason ?? reason;
                append(text, choice.text);
            }
            setText(byId("write-rate"), rate());
            count = chunk.usage?.completion_tokens ?? count;
        }
        const end = { length: "as many as wished for", stop: "at the stop text" }[reason] ?? "done";
        setText(byId("write-status"), `${plural(count, "token")}, ${end}.`);
    } catch (error) {
        setText(byId("write-status"), stopped(error) ? `Stopped after ${plural(count, "token")}.` : "");
        byId("write-error").textContent = stopped(error) ? "" : error.message;
    } finally {
        writing = null;
        running(false);
        if (text.data !== "") {
            put("written", prompt + text.data);
        }
    }
}

/** Adds a piece and follows it, unless the reader has scrolled up. */
function append(text, piece) {
    const box = byId("written");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    text.appendData(piece);
    if (atEnd) {
        box.scrollTop = box.scrollHeight;
    }
}

function running(on) {
    byId("write-start").disabled = on;
    byId("write-stop").hidden = !on;
    byId("write-on").hidden = on || byId("written-text").textContent === "";
    byId("written").hidden = prompt === "" && byId("written-text").textContent === "" && !on;
    byId("written").setAttribute("aria-busy", on);
}
