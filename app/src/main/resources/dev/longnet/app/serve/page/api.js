/** Calls to the server. Whatever goes wrong is an Error whose message is a sentence for people. */

const KEY = "longnet-key";
let unsavedKey = null;

export function useKey(key) {
    unsavedKey = key;
    try {
        sessionStorage.setItem(KEY, key);
    } catch {
        // no storage: it holds until the page is left
    }
}

function storedKey() {
    try {
        return sessionStorage.getItem(KEY);
    } catch {
        return unsavedKey;
    }
}

/** An answer of the server that is an error. */
export class ApiError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

export const stopped = error => error.name === "AbortError";

/** The JSON that the server answers. */
export async function call(path, { method, body, signal } = {}) {
    const response = await send(path, method, body, signal);
    try {
        return await response.json();
    } catch (error) {
        throw stopped(error) ? error : new Error("The server's answer is not JSON; is this page served by longnet serve?");
    }
}

/**
 * The events of an answer that streams, each parsed, until the server says that it is done.
 *
 * @param body a FormData, or an object that is sent as JSON
 */
export async function* stream(path, body, signal) {
    const response = await send(path, "POST", body, signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
        for (;;) {
            const { value, done } = await read(reader);
            if (done) {
                throw new Error("The server's answer broke off before it was done.");
            }
            const events = (text + value).split(/\r?\n\r?\n/);
            text = events.pop();
            for (const data of events.map(dataOf).filter(data => data !== "")) {
                if (data === "[DONE]") {
                    return;
                }
                const event = JSON.parse(data);
                if (event.error) {
                    throw new ApiError(0, event.error.message);
                }
                yield event;
            }
        }
    } finally {
        reader.cancel().catch(() => {}); // closing the connection tells the server to stop
    }
}

async function read(reader) {
    try {
        return await reader.read();
    } catch (error) {
        throw stopped(error) ? error : new Error("The connection to the server broke off.");
    }
}

/** The data lines of one event; comments and other fields do not count. */
function dataOf(event) {
    return event
        .split(/\r?\n/)
        .filter(line => line.startsWith("data:"))
        .map(line => line.slice(line.startsWith("data: ") ? 6 : 5))
        .join("\n");
}

async function send(path, method, body, signal) {
    const headers = {};
    const key = storedKey();
    if (key) {
        headers.Authorization = "Bearer " + key;
    }
    const plain = body !== undefined && !(body instanceof FormData);
    if (plain) {
        headers["Content-Type"] = "application/json";
    }
    let response;
    try {
        response = await fetch(path, {
            method: method ?? (body === undefined ? "GET" : "POST"),
            headers,
            body: plain ? JSON.stringify(body) : body,
            signal,
        });
    } catch (error) {
        throw stopped(error) ? error : new Error("The server cannot be reached. Is longnet serve still running?");
    }
    if (!response.ok) {
        throw await errorOf(response, key);
    }
    return response;
}

async function errorOf(response, key) {
    let message;
    try {
        message = (await response.json()).error.message;
    } catch {
        message = `The server answered with status ${response.status} and no reason.`;
    }
    if (response.status === 401) {
        document.dispatchEvent(new CustomEvent("key-needed", { detail: key ? message : "" }));
    }
    return new ApiError(response.status, message);
}
