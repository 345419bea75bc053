/** Elements made by hand: what a model or a user wrote is only ever text. */

export const byId = id => document.getElementById(id);

/** An element with properties (class, text, on…, any attribute) and children; null and undefined are left out. */
export function element(name, properties = {}, ...children) {
    return filled(document.createElement(name), properties, children);
}

export function svg(name, properties = {}, ...children) {
    return filled(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
}

function filled(node, properties, children) {
    for (const [name, value] of Object.entries(properties)) {
        if (value === null || value === undefined || value === false) {
            continue;
        }
        if (name === "text") {
            node.textContent = value;
        } else if (name.startsWith("on")) {
            node.addEventListener(name.slice(2), value);
        } else {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    node.append(...children.filter(child => child !== null && child !== undefined));
    return node;
}

/** Sets a text only where it changes, so that nothing is announced twice. */
export function setText(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}

/** Calls the function once things have been quiet for some milliseconds. */
export function debounced(milliseconds, call) {
    let timer = 0;
    return (...values) => {
        clearTimeout(timer);
        timer = setTimeout(() => call(...values), milliseconds);
    };
}
