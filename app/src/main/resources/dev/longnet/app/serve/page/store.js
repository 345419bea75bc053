/** What the parts of the page tell each other: each value has an event of its name. */

const values = { model: null, states: [], state: "", written: "", measured: null };
const events = new EventTarget();

export const get = name => values[name];

export function put(name, value) {
    values[name] = value;
    events.dispatchEvent(new Event(name));
}

/** Calls the listener with the value, now and whenever it changes. */
export function watch(name, listener) {
    events.addEventListener(name, () => listener(values[name]));
    listener(values[name]);
}
