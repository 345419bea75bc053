/** Reading: files are dropped or chosen, sent, and watched while the model reads them. */
import { stopped, stream } from "./api.js";
import { positionChart } from "./chart.js";
import { byId, setText } from "./dom.js";
import { chosen, dropped } from "./files.js";
import { bytes, duration, fixed, known, plural, UNKNOWN, whole } from "./numbers.js";
import { offerStates, refreshStates } from "./states.js";
import { get, put } from "./store.js";

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;

let picked = { files: [], hidden: 0 };
let named = false; // whether the name is the user's own
let reading = null;

export function startRead() {
    offerStates(byId("read-from"), "nothing", false);
    for (const kind of ["files", "folder"]) {
        byId("choose-" + kind).addEventListener("click", () => byId(kind).click());
        byId(kind).addEventListener("change", event => {
            if (event.target.files.length > 0) {
                pick(chosen(event.target.files));
            }
            event.target.value = ""; // so that the same choice counts again
        });
    }
    const drop = byId("drop");
    drop.addEventListener("dragover", event => {
        event.preventDefault();
        drop.classList.toggle("over", reading === null);
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", async event => {
        event.preventDefault();
        drop.classList.remove("over");
        if (reading === null) {
            setText(byId("picked"), "Looking through what was dropped …");
            try {
                pick(await dropped(event.dataTransfer));
            } catch (error) {
                setText(byId("picked"), "");
                byId("read-error").textContent = "What was dropped cannot be read: " + error.message;
            }
        }
    });
    // What misses the zone would otherwise open in place of the page.
    for (const kind of ["dragover", "drop"]) {
        document.addEventListener(kind, event => event.preventDefault());
    }
    byId("read-name").addEventListener("input", () => (named = byId("read-name").value !== ""));
    byId("read-form").addEventListener("submit", event => {
        event.preventDefault();
        read();
    });
    byId("read-stop").addEventListener("click", () => reading?.abort());
    window.addEventListener("beforeunload", event => {
        if (reading !== null) {
            event.preventDefault();
        }
    });
}

function pick(found) {
    picked = found;
    byId("read-error").textContent = "";
    const left = found.hidden > 0 ? `, ${whole(found.hidden)} hidden left out` : "";
    const what = found.files.length === 1 ? found.files[0].path : plural(found.files.length, "file");
    setText(byId("picked"), found.files.length === 0 ? "Nothing to read in it" + left : `${what}, ${bytes(size())}${left}`);
    if (!named && found.files.length > 0) {
        byId("read-name").value = freeName(found.files);
    }
}

const size = () => picked.files.reduce((sum, one) => sum + one.file.size, 0);

/** The name of the folder or of the only file, as far as names may be so, with a number where it is taken. */
function freeName(files) {
    const path = files[0].path;
    const folder = path.includes("/") ? path.split("/")[0] : files.length === 1 ? path.replace(/\.[^.]*$/, "") : "texts";
    const name = folder.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "").slice(0, 56) || "texts";
    const taken = new Set(get("states").map(state => state.id));
    let free = name;
    for (let i = 2; taken.has(free); i++) {
        free = name + "-" + i;
    }
    return free;
}

/** What is wrong with the wish, for people; null if nothing is. */
function problem(name) {
    const limit = get("model")?.longnet.limits.upload_bytes;
    if (picked.files.length === 0) {
        return "Drop or choose some text first.";
    }
    if (!NAME.test(name)) {
        return "The name may have up to 64 letters, digits, points, - and _, and begins with no point.";
    }
    if (get("states").some(state => state.id === name)) {
        return `There is something called ${name} already; take another name or delete it first.`;
    }
    return limit && size() > limit ? `That is ${bytes(size())}; this server takes up to ${bytes(limit)} at once.` : null;
}

async function read() {
    const name = byId("read-name").value.trim();
    const wrong = problem(name);
    byId("read-error").textContent = wrong ?? "";
    if (wrong !== null || reading !== null) {
        return;
    }
    reading = new AbortController();
    running(true);
    const started = performance.now();
    try {
        await refreshStates(); // so that a missing key is noticed before gigabytes are sent
        const state = await send(name);
        picked = { files: [], hidden: 0 };
        named = false;
        setText(byId("picked"), "");
        byId("read-name").value = "";
        setText(
            byId("read-status"),
            `Read ${plural(state.tokens, "token")} in ${duration((performance.now() - started) / 1000)}. Writing now goes on from ${name}.`,
        );
        await refreshStates();
        put("state", name);
    } catch (error) {
        setText(byId("read-status"), stopped(error) ? "Stopped; nothing was kept." : "");
        byId("read-error").textContent = stopped(error) ? "" : error.message;
        put("state", get("state")); // the chart of what is chosen in place of what was being read
    } finally {
        reading = null;
        running(false);
    }
}

async function send(name) {
    const body = new FormData();
    body.append("name", name);
    body.append("stream", "true");
    if (byId("read-from").value !== "") {
        body.append("from", byId("read-from").value);
    }
    picked.files.forEach(one => body.append("files", one.file, one.path));
    setText(byId("read-status"), `Sending ${bytes(size())} …`);
    let state = null;
    for await (const event of stream("v1/states", body, reading.signal)) {
        if (event.object === "state.progress") {
            progress(name, event);
        } else if (event.object === "state") {
            state = event;
        }
    }
    if (state === null) {
        throw new Error("The server ended without saying what it read.");
    }
    return state;
}

function progress(name, event) {
    const bar = byId("read-bar");
    byId("read-progress").hidden = false;
    if (known(event.total)) {
        bar.max = Math.max(1, event.total);
        bar.value = event.tokens;
    }
    // Said aloud, so only at each quarter.
    const quarters = known(event.total) ? Math.floor((4 * event.tokens) / Math.max(1, event.total)) : 0;
    setText(byId("read-status"), quarters === 0 ? "Reading …" : `Reading, ${25 * quarters} % …`);
    byId("read-tokens").textContent = whole(event.tokens) + (known(event.total) ? " of " + whole(event.total) : "");
    byId("read-rate").textContent = whole(event.tokens_per_second);
    byId("read-loss").textContent = fixed(event.loss, 3);
    byId("read-left").textContent = known(event.total)
        ? duration((event.total - event.tokens) / event.tokens_per_second)
        : UNKNOWN;
    if (event.by_position?.length > 1) {
        byId("read-chart").replaceChildren(positionChart(name, event.by_position));
    }
}

function running(on) {
    byId("read-start").disabled = on;
    byId("read-stop").hidden = !on;
    byId("drop").classList.toggle("busy", on);
    if (on) {
        byId("read-bar").removeAttribute("value"); // of unknown length until the first progress comes
        for (const fact of ["tokens", "rate", "loss", "left"]) {
            byId("read-" + fact).textContent = UNKNOWN;
        }
        byId("read-chart").replaceChildren();
    }
    byId("read-progress").hidden = !on;
}
