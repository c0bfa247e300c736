// What every page needs: its data, its words in two languages, elements, numbers as texts. Draws; counts nothing.

/** @typedef {"en" | "ko"} Lang */
/** @typedef {{type: string, data: string, each?: number}} Packed */
/** @typedef {Float64Array | Float32Array | Int32Array | Uint16Array | Uint8Array} Numbers */
/** @typedef {Node | string | null} Child */

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/** All that Python wrote for this page. @type {any} */
export const written = JSON.parse(byId("data").textContent ?? "{}");

/** @returns {Lang} */
export function language() {
  return document.documentElement.lang === "ko" ? "ko" : "en";
}

/**
 * An element.
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** @param {Lang} lang @param {string} key */
function spoken(lang, key) {
  return String(written.words[lang][key] ?? key.replace(/^[a-z]+: /, ""));
}

/**
 * A text of the words in every language, of which the page shows one.
 * @param {string} key
 * @param {Record<string, Child>} fields
 * @returns {DocumentFragment}
 */
export function say(key, fields = {}) {
  const all = document.createDocumentFragment();
  for (const lang of /** @type {Lang[]} */ (["en", "ko"])) {
    const span = element("span", { class: lang, lang });
    for (const part of spoken(lang, key).split(/(\{[a-z_]+\})/)) {
      const field = part.startsWith("{") ? fields[part.slice(1, -1)] : undefined;
      span.append(field === undefined || field === null ? part : typeof field === "string" ? field : field.cloneNode(true));
    }
    all.append(span);
  }
  return all;
}

/**
 * An attribute that a person reads or hears, exchanged with the language.
 * @param {HTMLElement} of
 * @param {string} name
 * @param {string} key
 * @param {Record<string, string>} fields
 */
export function label(of, name, key, fields = {}) {
  for (const lang of /** @type {Lang[]} */ (["en", "ko"])) {
    const text = spoken(lang, key).replace(/\{([a-z_]+)\}/g, (whole, field) => fields[field] ?? whole);
    of.setAttribute(`data-${name}-${lang}`, text);
    if (lang === language()) of.setAttribute(name, text);
  }
}

const ATTRIBUTES = ["aria-label", "title", "placeholder", "alt"];

/** @param {Lang} lang */
function speak(lang) {
  document.documentElement.lang = lang;
  for (const name of ATTRIBUTES) {
    for (const found of document.querySelectorAll(`[data-${name}-${lang}]`)) {
      found.setAttribute(name, found.getAttribute(`data-${name}-${lang}`) ?? "");
    }
  }
}

export function startLanguage() {
  const button = byId("language");
  button.hidden = false;
  button.addEventListener("click", () => speak(language() === "en" ? "ko" : "en"));
  const asked = document.documentElement.dataset.lang === "browser" && navigator.language.toLowerCase().startsWith("ko");
  speak(asked ? "ko" : language());
  document.documentElement.classList.add("live");
}

/** @type {Record<string, (buffer: ArrayBuffer) => Numbers>} */
const TYPES = {
  f8: (buffer) => new Float64Array(buffer),
  f4: (buffer) => new Float32Array(buffer),
  i4: (buffer) => new Int32Array(buffer),
  u2: (buffer) => new Uint16Array(buffer),
  u1: (buffer) => new Uint8Array(buffer),
};

/**
 * An array that Python packed.
 * @param {Packed} packed
 * @returns {Numbers}
 */
export function unpack(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const as = TYPES[packed.type];
  if (!as) throw new Error(`no type ${packed.type}`);
  return as(bytes.buffer);
}

/**
 * A packed column as a function of the place in it: one number for all, or one for every so many.
 * @param {Packed | number} packed
 * @returns {(at: number) => number}
 */
export function column(packed) {
  if (typeof packed === "number") return () => packed;
  const numbers = unpack(packed);
  const each = packed.each ?? 1;
  return (at) => numbers[Math.floor(at / each)] ?? NaN;
}

/**
 * The coordinates of a place.
 * @param {number} flat
 * @param {number[]} shape
 * @returns {number[]}
 */
export function unravel(flat, shape) {
  const index = [];
  let rest = flat;
  for (const length of [...shape].reverse()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}

/**
 * The place of some coordinates; -1 where there is none.
 * @param {number[]} index
 * @param {number[]} shape
 */
export function ravel(index, shape) {
  if (index.length !== shape.length) return -1;
  let flat = 0;
  for (let i = 0; i < shape.length; i++) {
    const at = index[i] ?? -1;
    if (at < 0 || at >= (shape[i] ?? 0)) return -1;
    flat = flat * (shape[i] ?? 0) + at;
  }
  return flat;
}

/**
 * A number for people, with so many digits that count; shown.py writes the same.
 * @param {number} x
 * @param {number} digits
 */
export function shown(x, digits = 4) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e6) return minus(String(x + 0));
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    return minus(`${trimmed(mantissa ?? "")}e${Number(exponent)}`);
  }
  return minus(trimmed(x.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size))))));
}

/** @param {string} text */
function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** @param {string} text */
function minus(text) {
  return text.replaceAll("-", "−");
}
