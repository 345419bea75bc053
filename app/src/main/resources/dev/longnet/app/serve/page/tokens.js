/** A text as its tokens, one of which can be reached by Tab and the others from it by arrow keys. */
import { element } from "./dom.js";

/** Characters that the style sheet puts a sign before, so that there is something to colour. */
const SIGNS = { "\n": "line-end", "\r": "return", "\t": "tab" };
const NAMES = { " ": "space", "\n": "end of line", "\r": "carriage return", "\t": "tab" };

/** What a token is called where it stands alone. */
export const nameOf = token => NAMES[token] ?? (token.trim() === "" ? "blanks" : token);

export class TokenView {
    #list;
    #spans = [];
    #at = -1;
    #listeners;

    /**
     * @param list the element that the tokens are put into
     * @param label what the list is called
     * @param listeners move(index) when a token is come to by key or click; hover(index or -1); mark(index) for
     *     Shift+click or the key T
     */
    constructor(list, label, listeners) {
        this.#list = list;
        this.#listeners = listeners;
        list.setAttribute("role", "listbox");
        list.setAttribute("aria-label", label);
        list.addEventListener("keydown", event => this.#key(event));
        list.addEventListener("click", event => {
            const index = this.#indexOf(event.target);
            if (index >= 0 && event.shiftKey && listeners.mark) {
                listeners.mark(index);
            } else if (index >= 0) {
                this.go(index, true);
            }
        });
        list.addEventListener("mouseover", event => listeners.hover?.(this.#indexOf(event.target)));
        list.addEventListener("mouseleave", () => listeners.hover?.(-1));
    }

    get length() {
        return this.#spans.length;
    }

    get at() {
        return this.#at;
    }

    span(index) {
        return this.#spans[index];
    }

    show(tokens) {
        this.#spans = tokens.map((token, index) => {
            const span = element("span", { role: "option", "aria-selected": "false", tabindex: "-1" });
            span.dataset.index = index;
            if (token in NAMES || token.trim() === "") {
                span.setAttribute("aria-label", nameOf(token));
            }
            span.append(
                ...Array.from(token, letter =>
                    letter in SIGNS ? element("span", { class: "sign " + SIGNS[letter], text: letter }) : letter,
                ),
            );
            return span;
        });
        this.#at = -1;
        this.#list.replaceChildren(...this.#spans);
        if (this.#spans.length > 0) {
            this.#spans[0].tabIndex = 0;
        }
    }

    /** Makes a token the one that is chosen, and tells so. */
    go(index, focus) {
        const old = this.#spans[Math.max(0, this.#at)];
        old.tabIndex = -1;
        old.setAttribute("aria-selected", "false");
        this.#at = index;
        const span = this.#spans[index];
        span.tabIndex = 0;
        span.setAttribute("aria-selected", "true");
        if (focus) {
            span.focus();
        }
        this.#listeners.move?.(index);
    }

    #indexOf(node) {
        const span = node.closest("[data-index]");
        return span ? Number(span.dataset.index) : -1;
    }

    #key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const at = this.#indexOf(event.target);
        const to = {
            ArrowRight: at + 1,
            ArrowLeft: at - 1,
            ArrowDown: () => this.#line(at, 1),
            ArrowUp: () => this.#line(at, -1),
            Home: 0,
            End: this.#spans.length - 1,
            Enter: at,
            " ": at,
        }[event.key];
        if (event.key.toLowerCase() === "t" && this.#listeners.mark) {
            event.preventDefault();
            this.#listeners.mark(at);
        } else if (to !== undefined) {
            event.preventDefault();
            const index = typeof to === "function" ? to() : to;
            if (index >= 0 && index < this.#spans.length) {
                this.go(index, true);
            }
        }
    }

    /** The token of the next line, or of the one before, that stands nearest to this one's place. */
    #line(from, step) {
        const { offsetLeft: left, offsetTop: top } = this.#spans[from];
        let best = -1;
        let line = null;
        for (let i = from + step; i >= 0 && i < this.#spans.length; i += step) {
            const span = this.#spans[i];
            if (span.offsetTop === top) {
                continue;
            }
            line ??= span.offsetTop;
            if (span.offsetTop !== line) {
                break;
            }
            if (best < 0 || Math.abs(span.offsetLeft - left) < Math.abs(this.#spans[best].offsetLeft - left)) {
                best = i;
            }
        }
        return best;
    }
}
