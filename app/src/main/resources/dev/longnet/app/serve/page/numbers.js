/** Numbers as people read them, and back. */

export const UNKNOWN = "–";

const GROUPED = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export const known = number => typeof number === "number" && Number.isFinite(number);

/** 12345 as 12,345. */
export const whole = number => (known(number) ? GROUPED.format(number) : UNKNOWN);

export const fixed = (number, digits) => (known(number) ? number.toFixed(digits).replace("-", "−") : UNKNOWN);

/** A difference with its sign. */
export const signed = (number, digits) => (number > 0 ? "+" : "") + fixed(number, digits);

/** Three digits and a suffix: 950, 12.3K, 4.56M, 1.2B. */
export function compact(number) {
    if (!known(number)) {
        return UNKNOWN;
    }
    const [size, suffix] = number >= 999.5e6 ? [1e9, "B"] : number >= 999.5e3 ? [1e6, "M"] : [1e3, "K"];
    return number < 9999.5 ? whole(number) : String(Number((number / size).toPrecision(3))) + suffix;
}

/** A number of tokens: 512, 8k (8192), 1m (1024²), 1g (1024³); others in full. */
export function tokens(number) {
    for (const [power, suffix] of [[30, "g"], [20, "m"], [10, "k"]]) {
        if (number >= 2 ** power && number % 2 ** power === 0) {
            return number / 2 ** power + suffix;
        }
    }
    return whole(number);
}

export function bytes(number) {
    for (const [size, suffix] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
        if (number >= size) {
            return Number((number / size).toPrecision(3)) + " " + suffix;
        }
    }
    return whole(number) + (number === 1 ? " byte" : " bytes");
}

export function duration(seconds) {
    if (!known(seconds)) {
        return UNKNOWN;
    }
    if (seconds < 90) {
        return Math.max(1, Math.round(seconds)) + " s";
    }
    return seconds < 5400 ? Math.round(seconds / 60) + " min" : Number((seconds / 3600).toFixed(1)) + " h";
}

export const plural = (count, one, many = one + "s") => whole(count) + " " + (count === 1 ? one : many);

const SUFFIXES = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/**
 * Reads 8192, 8,192, 8k, 1m or 1g as the command line does.
 *
 * @throws Error with a sentence for people
 */
export function parseCount(text, what) {
    const parts = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text.replace(/[\s,_]/g, ""));
    const number = parts ? parts[1] * SUFFIXES[parts[2].toLowerCase()] : NaN;
    if (!Number.isSafeInteger(number)) {
        throw new Error(`${what} must be a whole number such as 8192 or 8k, not “${text.trim()}”.`);
    }
    return number;
}
