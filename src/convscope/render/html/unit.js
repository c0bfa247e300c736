// One unit's arithmetic: looked up in what Python packed (packed.py), drawn as windows, a sum, a list, parts, steps.
// The product of a value and its weight is the one thing multiplied here, to be shown; nothing is added up.

import { column, element, say, shown, unpack, unravel } from "./page.js";

/** @typedef {import("./page.js").Child} Child */
/** @typedef {import("./page.js").Numbers} Numbers */
/** @typedef {import("./page.js").Packed} Packed */
/** @typedef {{kernel: number[], stride: number[], dilation: number[], padding: number[][]}} Window */
/** @typedef {{operand: number, place: number, value: number, weight: number | null, weightPlace: number, result: number}} Term */
/** @typedef {{name: string, form: string, operands: {name: string, value: number}[], value: number}} Step */
/** @typedef {{count: number, offset: Packed | number, operand?: Packed | number, weight?: Packed | number}} PatternJson */
/** @typedef {{name: string, form: string, operands: string[], columns: number[], value: number}} StepJson */
/** @typedef {{name: string, form: string, value: string, weight: string | null, operands: string[], columns: number[]}} BecomesJson */
/** @typedef {{of: Packed[], id: Packed | number}} ListedJson */
/**
 * @typedef {object} NodeJson
 * @property {number[]} shape
 * @property {number} count
 * @property {number[][]} inputs
 * @property {Packed | null} units
 * @property {PatternJson[]} patterns
 * @property {Packed | number} pattern
 * @property {(Packed | number)[]} base
 * @property {BecomesJson} becomes
 * @property {"sum" | "product" | "max" | "value"} combine
 * @property {number} combined
 * @property {number} value
 * @property {(Packed | number)[]} columns
 * @property {StepJson[][]} forms
 * @property {Packed | number} form
 * @property {Packed | number} [place]
 * @property {number[]} [weight]
 * @property {Packed | number} [weight_base]
 * @property {string | number} [weight_source]  the parameter or the input that the weights stand in
 * @property {ListedJson} [weights]  those that stand nowhere
 * @property {ListedJson} [results]
 * @property {(NodeJson & {name: string, at?: Packed | number})[]} parts
 * @property {Window} [window]
 * @property {{channels: number, of: Packed}} [subtotals]
 * @property {{start: Packed, value: Packed, weight?: Packed}} [inline]
 */
/**
 * @typedef {object} Arrays
 * @property {(Numbers | null)[]} inputs  the operands, where the page holds them whole
 * @property {(name: string) => Numbers | null} weights  the parameters by name, where the page holds them
 */

export const NOWHERE = -1;
const PADDING = -(2 ** 31);
const ITSELF = "{0}";
const PRODUCT = "{0} * {1}";

/** Lists of numbers, of which each unit has one. @param {ListedJson | undefined} json */
function listed(json) {
  if (!json) return null;
  const [of, id] = [json.of.map(unpack), column(json.id)];
  return (/** @type {number} */ at) => of[id(at)] ?? null;
}

/** Units of one node, as Python wrote them. */
export class Opened {
  /**
   * @param {NodeJson} json
   * @param {Arrays} arrays
   */
  constructor(json, arrays) {
    this.json = json;
    this.arrays = arrays;
    this.columns = json.columns.map(column);
    this.pattern = column(json.pattern);
    this.base = json.base.map(column);
    this.weightBase = column(json.weight_base ?? 0);
    this.form = column(json.form);
    this.place = json.place === undefined ? null : column(json.place);
    this.patterns = json.patterns.map((one) => ({
      count: one.count,
      offset: column(one.offset),
      operand: column(one.operand ?? 0),
      weight: one.weight === undefined ? (/** @type {number} */ k) => k : column(one.weight),
    }));
    /** @type {Map<number, number>[]} */
    this.places = [];
    this.results = listed(json.results);
    this.weights = listed(json.weights);
    const source = json.weight_source;
    this.weight = source === undefined ? null
      : typeof source === "number" ? (arrays.inputs[source] ?? null) : arrays.weights(source);
    this.held = json.parts.map((part) => ({
      name: part.name, opened: new Opened(part, arrays), at: part.at === undefined ? (/** @type {number} */ k) => k : column(part.at),
    }));
    const inline = json.inline;
    this.inline = inline
      ? { start: unpack(inline.start), value: unpack(inline.value), weight: inline.weight ? unpack(inline.weight) : null }
      : null;
    /** @type {Numbers | null} */
    this.sums = null;
    /** @type {Numbers | null} */
    this.written = null;
    /** @type {Map<number, number> | null} */
    this.positions = null;
    if (json.units) {
      this.positions = new Map();
      unpack(json.units).forEach((place, at) => this.positions?.set(place, at));
    }
  }

  /** Which of the units written here is the one at a place of the output; -1 if none is. @param {number} place */
  at(place) {
    return this.positions ? (this.positions.get(place) ?? NOWHERE) : place;
  }

  /** @param {number} which @param {number} at */
  number(which, at) {
    return this.columns[which]?.(at) ?? NaN;
  }

  /** @param {number} at */
  value(at) {
    return this.number(this.json.value, at);
  }

  /** What the terms become: their sum, product, largest or only value. @param {number} at */
  combined(at) {
    return this.number(this.json.combined, at);
  }

  /** @param {number} at @returns {Term[]} */
  terms(at) {
    const pattern = this.patterns[this.pattern(at)];
    if (!pattern) return [];
    const start = this.inline ? (this.inline.start[at] ?? 0) : 0;
    const results = this.results?.(at);
    const weights = this.weights?.(at);
    const { becomes } = this.json;
    const placed = this.json.weight !== undefined;
    return Array.from({ length: pattern.count }, (_, k) => {
      const operand = pattern.operand(k);
      const offset = pattern.offset(k);
      const place = offset === PADDING ? NOWHERE : (this.base[operand]?.(at) ?? 0) + offset;
      const weightPlace = placed ? this.weightBase(at) + pattern.weight(k) : NOWHERE;
      const value = this.inline
        ? (this.inline.value[start + k] ?? NaN)
        : place === NOWHERE ? 0 : (this.arrays.inputs[operand]?.[place] ?? NaN);
      const weight = becomes.weight === null ? null
        : this.inline ? (this.inline.weight?.[start + k] ?? NaN)
          : weights ? (weights[k] ?? NaN) : (this.weight?.[weightPlace] ?? NaN);
      const result = becomes.form === ITSELF ? value
        : becomes.form === PRODUCT ? value * (weight ?? NaN) : (results?.[k] ?? NaN);
      return { operand, place, value, weight, weightPlace, result };
    });
  }

  /** How many units are written here. */
  get count() {
    return this.json.count;
  }

  /** The numbers that stand in a unit's steps and are opened themselves. @param {number} at */
  parts(at) {
    return this.held.map((part) => ({ name: part.name, opened: part.opened, at: part.at(at) })).filter((part) => part.at !== NOWHERE);
  }

  /** The terms of a unit and of all its parts. @param {number} at @returns {Term[]} */
  every(at) {
    return [...this.terms(at), ...this.parts(at).flatMap((part) => part.opened.every(part.at))];
  }

  /**
   * The units that read a value, and what it adds to each.
   * @param {number} operand
   * @param {number} place
   * @returns {{at: number, term: Term}[]}
   */
  readers(operand, place) {
    const found = [];
    const base = this.base[operand];
    for (let at = 0; base && at < this.count; at++) {
      const k = this.termAt(this.pattern(at), operand, place - base(at));
      const term = k === undefined ? undefined : this.terms(at)[k];
      if (term) found.push({ at, term });
    }
    for (const part of this.held) {
      const read = new Map(part.opened.readers(operand, place).map((one) => [one.at, one.term]));
      for (let at = 0; read.size && at < this.count; at++) {
        const term = read.get(part.at(at));
        if (term) found.push({ at, term });
      }
    }
    return found;
  }

  /** Which term of a pattern is at an offset. @param {number} which @param {number} operand @param {number} offset */
  termAt(which, operand, offset) {
    let known = this.places[which];
    if (!known) {
      const pattern = this.patterns[which];
      known = new Map();
      for (let k = 0; pattern && k < pattern.count; k++) known.set(pattern.offset(k) * this.base.length + pattern.operand(k), k);
      this.places[which] = known;
    }
    return known.get(offset * this.base.length + operand);
  }

  /** Where the unit written at a position is in the output. @param {number} at */
  placeOf(at) {
    if (!this.json.units) return at;
    this.written ??= unpack(this.json.units);
    return this.written[at] ?? NOWHERE;
  }

  /** @param {number} at @returns {Step[]} */
  steps(at) {
    const within = this.place ? this.place(at) : at;
    return (this.json.forms[this.form(at)] ?? []).map((step) => ({
      name: step.name,
      form: step.form,
      operands: step.operands.map((name, k) => ({ name, value: this.number(step.columns[k] ?? -1, within) })),
      value: this.number(step.value, within),
    }));
  }

  /** The sum of each channel, where several are summed into one. @param {number} at */
  subtotals(at) {
    if (!this.json.subtotals) return null;
    const { channels, of } = this.json.subtotals;
    this.sums ??= unpack(of);
    return this.sums.slice(at * channels, (at + 1) * channels);
  }
}

/** Of a maximum: the place of the winner among its terms. @param {Term[]} terms @param {number} combined */
export function winner(terms, combined) {
  return terms.findIndex((term) => term.result === combined);
}

/**
 * What a page does when a term is pointed at or chosen.
 * @typedef {object} Hands
 * @property {(term: Term | null) => void} [point]
 * @property {(term: Term) => HTMLElement | null} [from]  a link to where the value comes from
 * @property {(channel: number, terms: Term[]) => HTMLElement | null} [beside]  a picture of the channel that a window is of
 */

/** @param {HTMLElement} on @param {Term} term @param {Hands} hands */
function pointed(on, term, hands) {
  const point = hands.point;
  if (!point) return on;
  on.addEventListener("pointerenter", () => point(term));
  on.addEventListener("pointerleave", () => point(null));
  return on;
}

/** @param {string} kind @param {number} x @param {number} digits */
function number(kind, x, digits) {
  return element("span", { class: kind }, shown(x, digits));
}

/** A number where a sign before it would be misread. @param {HTMLElement} of @param {number} x */
function bracketed(of, x) {
  return x < 0 ? element("span", {}, "(", of, ")") : of;
}

/**
 * Values under the window, the kernel, their products: a row a channel.
 * @param {Opened} node
 * @param {number} at
 * @param {Hands} hands
 * @param {number} most  channels shown at first
 * @param {number} digits
 * @returns {HTMLElement | null}
 */
export function drawWindows(node, at, hands, most = 3, digits = 3) {
  const window = node.json.window;
  const { combine, becomes } = node.json;
  if (!window || window.kernel.length > 2 || combine !== "sum" || becomes.form !== PRODUCT) return null;
  const columns = window.kernel[window.kernel.length - 1] ?? 1;
  const size = window.kernel.reduce((a, b) => a * b, 1);
  const terms = node.terms(at);
  if (size === 1 || terms.length % size !== 0) return null;
  const subtotals = node.subtotals(at);
  const channels = Array.from({ length: terms.length / size }, (_, channel) => channel);
  // The channels that say most come first, where not all are shown.
  if (subtotals && channels.length > most) {
    channels.sort((a, b) => Math.abs(subtotals[b] ?? 0) - Math.abs(subtotals[a] ?? 0));
  }
  const shape = node.json.inputs[0] ?? [];
  const places = shape.slice(1).reduce((a, b) => a * b, 1);
  const all = element("div", { class: "windows" });

  /** @param {number} channel */
  const row = (channel) => {
    const own = terms.slice(channel * size, (channel + 1) * size);
    const inside = own.find((term) => term.place !== NOWHERE);
    const of = inside ? Math.floor(inside.place / places) : channel;
    const subtotal = subtotals ? subtotals[channel] : node.combined(at);
    const beside = hands.beside?.(of, own) ?? null;
    const which = channels.length > 1 || beside ? element("span", { class: "which" }, beside, say("channel n", { n: String(of) })) : null;
    return element("div", { class: "window-row" }, which,
      small(own, columns, "value", (term) => term.value, hands, digits),
      element("span", { class: "sign" }, "×"),
      small(own, columns, "weight", (term) => term.weight ?? NaN, hands, digits),
      element("span", { class: "sign" }, "="),
      small(own, columns, "product", (term) => term.result, hands, digits),
      element("span", { class: "sum" }, "Σ ", number("", subtotal ?? NaN, 5)));
  };

  const draw = (/** @type {number} */ count) => {
    all.replaceChildren(...channels.slice(0, count).map(row));
    if (count < channels.length) {
      const more = element("button", { type: "button", class: "quiet" }, say("show more channels", { n: String(channels.length - count) }));
      more.addEventListener("click", () => draw(count + 16));
      all.append(more);
    }
  };
  draw(most);
  return all;
}

/**
 * A small matrix of some terms, shaded by sign and size.
 * @param {Term[]} terms
 * @param {number} columns
 * @param {"value" | "weight" | "product"} kind
 * @param {(term: Term) => number} of
 * @param {Hands} hands
 * @param {number} digits
 */
function small(terms, columns, kind, of, hands, digits) {
  const body = element("tbody");
  const largest = Math.max(...terms.map((term) => Math.abs(of(term)))) || 1;
  for (let start = 0; start < terms.length; start += columns) {
    body.append(element("tr", {}, ...terms.slice(start, start + columns).map((term) => {
      const x = of(term);
      const padding = kind === "value" && term.place === NOWHERE;
      const cell = element("td", { class: padding ? "pad" : x < 0 ? "less" : "more" }, shown(x, digits));
      cell.style.setProperty("--s", `${Math.round((100 * Math.abs(x)) / largest)}%`);
      return pointed(cell, term, hands);
    })));
  }
  const wide = Math.max(2, ...terms.map((term) => shown(of(term), digits).length));
  return element("table", { class: `matrix small ${kind}`, style: `--n:${columns};--w:${wide}ch` }, body);
}

/**
 * The terms behind one another, and what they become.
 * @param {Opened} node
 * @param {number} at
 * @param {Hands} hands
 * @param {number} digits
 */
export function drawSum(node, at, hands, digits = 5) {
  const terms = node.terms(at);
  const combined = node.combined(at);
  const line = element("p", { class: "equation" });
  const won = node.json.combine === "max" ? winner(terms, combined) : -1;
  if (node.json.combine === "max") line.append("max(");
  terms.forEach((term, k) => {
    if (k) line.append(node.json.combine === "sum" ? " + " : node.json.combine === "product" ? " × " : ", ");
    const one = element("span", { class: k === won ? "term won" : "term" }, became(node, at, term, digits));
    if (term.place === NOWHERE) one.classList.add("of-padding");
    line.append(pointed(one, term, hands));
  });
  if (node.json.combine === "max") line.append(")");
  if (terms.length > 1 || node.json.combine !== "value") line.append(" = ", element("b", {}, shown(combined, digits + 1)));
  return line;
}

/**
 * How a term becomes its result, its numbers put in: ``3 × (−1)``, ``exp(2 − 5)``.
 * @param {Opened} node
 * @param {number} at
 * @param {Term} term
 * @param {number} digits
 * @returns {Node}
 */
function became(node, at, term, digits) {
  const { becomes, combine } = node.json;
  const value = number("value", term.value, digits);
  if (becomes.form === ITSELF) return combine === "max" ? value : bracketed(value, term.value);
  const product = becomes.form === PRODUCT;
  const first = becomes.weight === null ? 1 : 2;
  return formula(becomes.form, (which, bracket) => {
    const x = which === 0 ? term.value : which < first ? (term.weight ?? NaN) : node.number(becomes.columns[which - first] ?? -1, at);
    const one = which === 0 ? value : number(which < first ? "weight" : "", x, digits);
    return bracket || product ? bracketed(one, x) : one;
  });
}

const FIRST = 12;

/**
 * The terms one a line, the largest first, each with a link to where its value comes from.
 * @param {Opened} node
 * @param {number} at
 * @param {Hands} hands
 */
export function drawList(node, at, hands) {
  const terms = node.terms(at);
  const order = terms.map((_, k) => k).sort((a, b) => Math.abs(terms[b]?.result ?? 0) - Math.abs(terms[a]?.result ?? 0));
  const largest = Math.abs(terms[order[0] ?? 0]?.result ?? 0) || 1;
  const { becomes } = node.json;
  const weighted = becomes.weight !== null;
  const adds = becomes.form !== ITSELF;
  const won = node.json.combine === "max" ? winner(terms, node.combined(at)) : -1;
  const bars = node.json.combine === "sum" && terms.length > 1;
  const heads = ["from", "value", ...(weighted ? ["weight"] : []), ...(adds ? [becomes.form === PRODUCT ? "product" : "adds"] : [])];
  const body = element("tbody");
  const table = element("table", { class: "terms" },
    element("thead", {}, element("tr", {}, ...heads.map((head, k) => element("th", k ? { scope: "col", class: "number" } : { scope: "col" }, say(head))),
      bars ? element("th", { class: "bar-head" }) : null)), body);

  /** @param {number} k */
  const row = (k) => {
    const term = /** @type {Term} */ (terms[k]);
    const share = Math.min(1, Math.abs(term.result) / largest);
    const bar = element("i", { class: term.result < 0 ? "less" : "more" });
    bar.style.width = `${(50 * share).toFixed(1)}%`;
    const from = term.place === NOWHERE ? element("span", { class: "muted" }, say("padding")) : (hands.from?.(term) ?? null);
    const made = element("tr", k === won ? { class: "won" } : {},
      element("td", {}, from, k === won ? element("span", { class: "mark" }, say("the largest")) : null),
      element("td", { class: "number value" }, shown(term.value, 5)),
      weighted ? element("td", { class: "number weight" }, shown(term.weight ?? NaN, 5)) : null,
      adds ? element("td", { class: "number" }, shown(term.result, 5)) : null,
      bars ? element("td", { class: "bar-cell" }, element("span", { class: "both-ways" }, bar)) : null);
    return pointed(made, term, hands);
  };

  const all = element("div", { class: "scroll" }, table);
  const draw = (/** @type {number} */ count) => {
    body.replaceChildren(...order.slice(0, count).map(row));
    all.querySelector("button")?.remove();
    if (count < order.length) {
      const more = element("button", { type: "button", class: "quiet" }, say("show more terms", { n: String(order.length - count) }));
      more.addEventListener("click", () => draw(count * 4));
      all.append(more);
    }
  };
  draw(order.length <= FIRST + 4 ? order.length : FIRST);
  return all;
}

/**
 * A formula with names or numbers in it.
 * @param {string} form
 * @param {(at: number, bracket: boolean) => Node} piece
 */
function formula(form, piece) {
  const all = document.createDocumentFragment();
  const parts = form.split(/(\{\d+\})/);
  parts.forEach((part, k) => {
    if (/^\{\d+\}$/.test(part)) {
      const before = (parts[k - 1] ?? "").trimEnd();
      const raised = (parts[k + 1] ?? "").trimStart().startsWith("**");
      all.append(piece(Number(part.slice(1, -1)), raised || /[-+*/]$/.test(before)));
    } else {
      all.append(part.replace(/\s*\*\*\s*/g, "^").replace(/\s*\*\s*/g, " × ").replaceAll("sqrt(", "√(").replaceAll("-", "−"));
    }
  });
  return all;
}

/**
 * The steps from what the terms become to the value.
 * @param {Step[]} steps
 * @param {number} digits
 */
export function drawSteps(steps, digits = 6) {
  return element("ol", { class: "steps" }, ...steps.map((step, k) => {
    const names = formula(step.form, (at) => element("span", { class: "name" }, say(`operand: ${step.operands[at]?.name}`)));
    const numbers = formula(step.form, (at, bracket) => {
      const x = step.operands[at]?.value ?? NaN;
      const one = number("", x, digits);
      return bracket ? bracketed(one, x) : one;
    });
    const plain = step.form.trim() === "{0}";
    return element("li", {},
      element("span", { class: "step-name" }, say(`step: ${step.name}`)),
      element("span", { class: "formula" }, names, plain ? "" : " = ", plain ? "" : numbers, " = ",
        element("b", { class: k === steps.length - 1 ? "result" : "" }, shown(step.value, digits))));
  }));
}

/**
 * The numbers that stand in the steps, each under its name with its own arithmetic; null where there are none.
 * @param {Opened} node
 * @param {number} at
 * @param {(opened: Opened, at: number) => Child[]} draw
 */
export function drawParts(node, at, draw) {
  const parts = node.parts(at);
  if (!parts.length) return null;
  return element("div", { class: "parts" }, ...parts.map((part) => element("details", { class: "part", open: "" },
    element("summary", {}, element("span", { class: "name" }, say(`operand: ${part.name}`)), " = ", element("b", {}, shown(part.opened.value(part.at), 6))),
    ...draw(part.opened, part.at))));
}

/** What the terms become, where they are listed. @param {Opened} node @param {number} at */
export function drawTotal(node, at) {
  const { combine } = node.json;
  const count = node.terms(at).length;
  if (count < 2 || combine === "value") return null;
  const keys = { sum: "sum of terms", max: "largest of terms", product: "product of terms" };
  const fields = { n: String(count), sum: element("b", {}, shown(node.combined(at), 8)) };
  return element("p", { class: "summed" }, say(keys[combine], fields));
}

/** The place of a unit as text. @param {number} place @param {number[]} shape */
export function placeText(place, shape) {
  return `[${unravel(place, shape).join(",")}]`;
}
