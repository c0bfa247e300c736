// One operation: the window slides, any output opens. Everything is looked up in what Python wrote.

import { byId, element, label, ravel, say, shown, startLanguage, unpack, unravel, written } from "./page.js";
import { NOWHERE, Opened, drawList, drawParts, drawSteps, drawSum, drawTotal, drawWindows, winner } from "./unit.js";

/** @typedef {import("./unit.js").Term} Term */
/** @typedef {import("./page.js").Numbers} Numbers */

const SECONDS = 0.9;
const MOST_IN_A_SUM = 49;

const node = new Opened(written.node, {
  inputs: written.inputs.map(unpack),
  weights: (name) => (written.weights[name] ? unpack(written.weights[name]) : null),
});
const output = unpack(written.output);
/** @type {number[]} */
const shape = node.json.shape;
/** @type {number} */
const count = written.count;
const slides = node.json.window;

/** A matrix of the page: cells by row and column, the padding counted. */
class Plane {
  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    const data = figure.dataset;
    this.of = data.of ?? "";
    this.operand = Number(data.operand ?? 0);
    this.number = Number(data.plane ?? 0);
    this.filter = data.filter === undefined ? null : Number(data.filter);
    this.top = Number(data.top);
    this.left = Number(data.left);
    this.rows = Number(data.rows);
    this.columns = Number(data.columns);
    this.table = figure.querySelector("table");
    this.frame = /** @type {HTMLElement} */ (figure.querySelector(".frame"));
    this.box = /** @type {HTMLElement} */ (figure.querySelector(".box"));
    /** @type {HTMLElement[]} */
    this.marked = [];
  }

  /** @param {number} row @param {number} column */
  cell(row, column) {
    return this.table?.rows[row]?.cells[column] ?? null;
  }

  clear() {
    for (const cell of this.marked) cell.classList.remove("in", "now", "won", "pointed");
    this.marked = [];
  }

  /** @param {number} row @param {number} column @param {string} name */
  mark(row, column, name) {
    const cell = this.cell(row, column);
    if (!cell) return;
    cell.classList.add(name);
    this.marked.push(cell);
  }

  /**
   * The frame around some rows and columns; null takes it away.
   * @param {{top: number, left: number, bottom: number, right: number} | null} around
   */
  surround(around) {
    this.box.hidden = !around;
    if (!around) return;
    const style = this.box.style;
    style.left = `${(100 * around.left) / this.columns}%`;
    style.top = `${(100 * around.top) / this.rows}%`;
    style.width = `${(100 * (around.right - around.left)) / this.columns}%`;
    style.height = `${(100 * (around.bottom - around.top)) / this.rows}%`;
    const scroller = this.frame.parentElement;
    if (scroller && scroller.scrollWidth > scroller.clientWidth) {
      const middle = ((around.left + around.right) / 2 / this.columns) * this.frame.offsetWidth;
      scroller.scrollTo({ left: middle - scroller.clientWidth / 2, behavior: "smooth" });
    }
  }
}

const all = [...document.querySelectorAll(".plane")].map((one) => new Plane(/** @type {HTMLElement} */ (one)));
const inputs = all.filter((one) => one.of === "input");
const outputs = all.filter((one) => one.of === "output");
const kernels = all.filter((one) => one.of === "weight");
const slider = /** @type {HTMLInputElement} */ (byId("slider"));

/** Columns of a long vector, which stands in several rows. */
const WIDEST = 32;

/** A tensor's last two lengths: the rows and columns of its matrices. @param {number[]} of */
function sides(of) {
  const [length = 1] = of;
  if (of.length === 1 && length > WIDEST) return { rows: Math.ceil(length / WIDEST), columns: WIDEST };
  return { rows: of.length > 1 ? (of[of.length - 2] ?? 1) : 1, columns: of[of.length - 1] ?? 1 };
}

/** @param {number} place @param {number[]} of */
function cellOf(place, of) {
  const { rows, columns } = sides(of);
  return { plane: Math.floor(place / (rows * columns)), row: Math.floor(place / columns) % rows, column: place % columns };
}

/** The rows and columns under the window, the padding counted; null where nothing slides. @param {number} place */
function under(place) {
  if (!slides) return null;
  const index = unravel(place, shape);
  const at = written.places ? written.places[index[1] ?? 0] : index.slice(1);
  return slides.kernel.map((kernel, d) =>
    Array.from({ length: kernel }, (_, k) => at[d] * (slides.stride[d] ?? 1) + k * (slides.dilation[d] ?? 1)));
}

let current = 0;
/** @type {Term[]} */
let terms = [];

/** @param {number} place */
function show(place) {
  current = Math.min(Math.max(place, 0), count - 1);
  terms = node.terms(current);
  for (const one of all) one.clear();
  drawInputs();
  drawKernels();
  drawOutputs();
  drawColumns();
  drawGraph();
  drawArithmetic();
  slider.value = String(current);
  const index = unravel(current, shape).join(",");
  const where = written.places ? (written.places[current] ?? []).join(",") : index;
  byId("where").replaceChildren(
    element("b", {}, `[${where}]`), written.places ? "" : " = ",
    written.places ? "" : element("b", { class: "result" }, shown(output[current] ?? NaN, 5)),
    element("small", {}, say("n of count", { n: String(current + 1), count: String(count) })));
}

function drawInputs() {
  const covered = under(current);
  const won = node.json.combine === "max" ? winner(terms, node.combined(current)) : -1;
  for (const one of inputs) {
    const of = node.json.inputs[one.operand] ?? [];
    /** @type {Set<string>} */
    const cells = new Set();
    /** @type {Set<number>} */
    const signals = new Set();
    let reads = written.places !== null && one.operand === 0;
    terms.forEach((term, k) => {
      if (term.operand !== one.operand || term.place === NOWHERE) return;
      const at = cellOf(term.place, of);
      if (at.plane !== one.number) return;
      reads = true;
      signals.add(at.row);
      cells.add(`${at.row + one.top},${at.column + one.left}`);
      if (k === won) one.mark(at.row + one.top, at.column + one.left, "won");
      if (written.places) one.mark(at.row + one.top, at.column + one.left, "won");
    });
    // A window wholly in the padding reads nothing; it still stands somewhere.
    if (!reads && terms.every((term) => term.place === NOWHERE) && covered) reads = true;
    if (reads && covered && one.operand === 0) {
      const [first, second] = covered;
      const rows = second ? (first ?? []) : written.places ? Array.from({ length: one.rows }, (_, k) => k) : [...signals];
      for (const row of rows) for (const column of second ?? first ?? []) cells.add(`${row},${column}`);
    }
    const lane = one.figure.closest(".lane");
    lane?.classList.toggle("unread", !reads && terms.some((term) => term.operand === one.operand));
    if (!reads && String(of) === String(shape)) {
      // A label, which chooses what is read: it stands at the output's place.
      const at = cellOf(current, shape);
      if (at.plane === one.number) cells.add(`${at.row},${at.column}`);
    }
    const places = [...cells].map((text) => text.split(",").map(Number));
    for (const [row, column] of places) one.mark(row ?? 0, column ?? 0, "in");
    const rows = places.map((at) => at[0] ?? 0);
    const columns = places.map((at) => at[1] ?? 0);
    one.surround(places.length
      ? { top: Math.min(...rows), left: Math.min(...columns), bottom: Math.max(...rows) + 1, right: Math.max(...columns) + 1 }
      : null);
  }
}

function drawKernels() {
  const filter = unravel(current, shape)[0] ?? 0;
  for (const one of kernels) {
    if (one.filter === null) {
      for (let column = 0; column < one.columns; column++) one.mark(filter, column, "in");
      one.surround({ top: filter, left: 0, bottom: filter + 1, right: one.columns });
    } else {
      one.figure.hidden = one.filter !== filter;
    }
  }
  for (const row of document.querySelectorAll(".parameters [data-channel]")) {
    row.classList.toggle("now", Number(/** @type {HTMLElement} */ (row).dataset.channel) === filter);
  }
}

function drawOutputs() {
  const at = cellOf(current, shape);
  for (const one of outputs) {
    one.figure.hidden = one.number !== at.plane;
    if (one.number !== at.plane) continue;
    one.mark(at.row, at.column, "now");
    one.surround({ top: at.row, left: at.column, bottom: at.row + 1, right: at.column + 1 });
  }
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.setAttribute("aria-pressed", String(Number(/** @type {HTMLElement} */ (tab).dataset.tab) === at.plane));
  }
}

/** Where one goes: the term's cells in the input and the kernel. @param {Term | null} term */
function point(term) {
  for (const found of document.querySelectorAll(".pointed")) found.classList.remove("pointed");
  if (!term) return;
  if (term.place !== NOWHERE) {
    const at = cellOf(term.place, node.json.inputs[term.operand] ?? []);
    const one = inputs.find((plane) => plane.operand === term.operand && plane.number === at.plane);
    one?.mark(at.row + one.top, at.column + one.left, "pointed");
  } else if (slides) {
    pointPadding(term);
  }
  if (term.weightPlace !== NOWHERE && node.json.weight_source === "weight" && node.json.weight) {
    const at = cellOf(term.weightPlace, node.json.weight);
    kernels.find((plane) => plane.number === at.plane)?.mark(at.row, at.column, "pointed");
  }
}

/** @param {Term} term */
function pointPadding(term) {
  const covered = under(current);
  const size = slides?.kernel.reduce((a, b) => a * b, 1) ?? 1;
  const k = terms.indexOf(term) % size;
  if (!covered || covered.length !== 2) return;
  const wide = covered[1]?.length ?? 1;
  const of = node.json.inputs[0] ?? [];
  const block = terms.slice(Math.floor(terms.indexOf(term) / size) * size).find((one) => one.place !== NOWHERE);
  const number = block ? cellOf(block.place, of).plane : 0;
  const one = inputs.find((plane) => plane.operand === 0 && plane.number === number);
  one?.mark(covered[0]?.[Math.floor(k / wide)] ?? 0, covered[1]?.[k % wide] ?? 0, "pointed");
}

// The graph of a function of one number

const slopes = written.slopes ? unpack(written.slopes) : null;

function drawGraph() {
  if (!slopes) return;
  for (const dot of document.querySelectorAll(".graph circle")) {
    const now = dot instanceof SVGElement && Number(dot.dataset.at) === current;
    dot.classList.toggle("now", now);
    dot.setAttribute("r", now ? "7" : "3.5");
    if (now) dot.parentElement?.append(dot);
  }
  byId("slope-here").replaceChildren(say("slope here", { slope: element("b", {}, shown(slopes[current] ?? NaN, 4)) }));
}

// The unfolded matrix

const unfolded = /** @type {HTMLTableElement | null} */ (document.getElementById("unfolded"));
const unfoldedWeight = written.unfolded ? unpack(written.unfolded.weight) : null;
const places = unfolded ? unfolded.querySelectorAll("thead [data-place]").length : 0;

/** @param {number} place */
function columnOf(place) {
  const index = unravel(place, shape);
  return written.places ? (index[1] ?? 0) : place % places;
}

function drawColumns() {
  if (!unfolded) return;
  const filter = Math.floor(current / places);
  const column = columnOf(current);
  const first = unfoldedWeight ? 2 : 1;
  for (const found of unfolded.querySelectorAll(".in")) found.classList.remove("in");
  for (const row of unfolded.rows) row.cells[first + column]?.classList.add("in");
  if (!unfoldedWeight) return;
  const { rows } = written.unfolded;
  unfolded.querySelectorAll("tbody .weight").forEach((cell, row) => {
    cell.textContent = shown(unfoldedWeight[filter * rows + row] ?? NaN);
  });
  unfolded.querySelectorAll("tfoot [data-place]").forEach((cell, place) => {
    cell.textContent = shown(output[filter * places + place] ?? NaN);
  });
}

// The arithmetic

function drawArithmetic() {
  if (written.places) return;
  byId("arithmetic").replaceChildren(...arithmetic(node, current).filter((part) => part !== null));
  const index = unravel(current, shape).join(",");
  const name = element("span", {}, say("output"), `[${index}]`);
  byId("arithmetic-title").replaceChildren(say("arithmetic of", { where: name }));
}

/**
 * How one number is put together, its parts in it.
 * @param {Opened} opened
 * @param {number} at
 * @returns {(Node | null)[]}
 */
function arithmetic(opened, at) {
  const hands = { point, from };
  const { combine, becomes } = opened.json;
  const own = opened.terms(at);
  const steps = opened.steps(at);
  const drawn = [drawWindows(opened, at, hands)];
  if (combine === "value" && !steps.length && becomes.form === "{0}") {
    const [term] = own;
    if (term) {
      const source = term.place === NOWHERE ? say("padding") : from(term);
      drawn.push(element("p", { class: "equation" }, source, " = ", element("b", {}, shown(opened.value(at), 6))));
    }
  } else if (own.length && !(steps.length && combine === "value")) {
    if (own.length <= MOST_IN_A_SUM) drawn.push(drawSum(opened, at, hands));
    else drawn.push(drawList(opened, at, hands), drawTotal(opened, at));
  }
  drawn.push(drawParts(opened, at, arithmetic));
  if (steps.length) drawn.push(drawSteps(steps));
  return drawn;
}

/** @param {Term} term */
function from(term) {
  const of = node.json.inputs[term.operand] ?? [];
  const name = node.json.inputs.length > 1 ? say("input n", { n: String(term.operand + 1) }) : say("input");
  return element("span", {}, name, `[${unravel(term.place, of).join(",")}]`);
}

// Going from output to output

/** The output whose window stands at a cell of the input, or nearest to it. @param {Plane} plane @param {number} row @param {number} column */
function nearest(plane, row, column) {
  const index = unravel(current, shape);
  if (slides && plane.operand === 0 && !written.places) {
    const at = slides.kernel.length === 2 ? [row, column] : [column];
    const next = at.map((x, d) => {
      const middle = ((slides.kernel[d] ?? 1) - 1) * (slides.dilation[d] ?? 1) / 2;
      return Math.min(Math.max(Math.round((x - middle) / (slides.stride[d] ?? 1)), 0), (shape[d + 1] ?? 1) - 1);
    });
    const depthwise = node.json.weight === undefined && slides.kernel.length === 2;
    return ravel([depthwise ? plane.number : (index[0] ?? 0), ...next], shape);
  }
  const of = node.json.inputs[plane.operand] ?? [];
  const { rows, columns } = sides(of);
  const place = plane.number * rows * columns + (row - plane.top) * columns + (column - plane.left);
  // The first output that reads this value, from the one after the current.
  for (let step = 1; step <= Math.min(count, 4000); step++) {
    const next = (current + step) % count;
    if (node.terms(next).some((term) => term.operand === plane.operand && term.place === place)) return next;
  }
  return current;
}

/** @param {Plane} plane @param {MouseEvent} event */
function clicked(plane, event) {
  const bounds = plane.frame.getBoundingClientRect();
  const row = Math.floor(((event.clientY - bounds.top) / bounds.height) * plane.rows);
  const column = Math.floor(((event.clientX - bounds.left) / bounds.width) * plane.columns);
  pause();
  if (plane.of === "output") {
    const { rows, columns } = sides(shape);
    const place = plane.number * rows * columns + row * columns + column;
    if (place < count) show(place);
  } else if (plane.of === "input") {
    show(nearest(plane, row, column));
  } else if (plane.filter === null) {
    show(row);
  }
}

/** @type {number | null} */
let playing = null;
const playButton = byId("play");
const PLAY = playButton.querySelector("path")?.getAttribute("d") ?? "";
const PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z";

function pause() {
  if (playing !== null) clearInterval(playing);
  playing = null;
  playButton.querySelector("path")?.setAttribute("d", PLAY);
  label(playButton, "aria-label", "play");
}

function play() {
  playing = window.setInterval(() => show((current + 1) % count), 1000 * SECONDS);
  playButton.querySelector("path")?.setAttribute("d", PAUSE);
  label(playButton, "aria-label", "pause");
  show((current + 1) % count);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const on = event.target instanceof HTMLElement ? event.target.tagName : "";
  if (on === "BUTTON" && event.key === " ") return;
  const { columns } = sides(shape);
  /** @type {Record<string, number>} */
  const moves = { ArrowRight: current + 1, ArrowLeft: current - 1, ArrowDown: current + columns, ArrowUp: current - columns,
    Home: 0, End: count - 1 };
  const to = moves[event.key];
  if (to !== undefined) {
    event.preventDefault();
    pause();
    if (to >= 0 && to < count) show(to);
  } else if (event.key === " ") {
    event.preventDefault();
    if (playing === null) play();
    else pause();
  }
}

slider.max = String(count - 1);
slider.addEventListener("input", () => {
  pause();
  show(Number(slider.value));
});
byId("previous").addEventListener("click", () => {
  pause();
  show((current - 1 + count) % count);
});
byId("next").addEventListener("click", () => {
  pause();
  show((current + 1) % count);
});
playButton.addEventListener("click", () => (playing === null ? play() : pause()));
document.addEventListener("keydown", pressed);
for (const one of all) one.frame.addEventListener("click", (event) => clicked(one, event));
for (const dot of document.querySelectorAll(".graph circle")) {
  dot.addEventListener("click", () => {
    pause();
    show(Number(dot instanceof SVGElement ? dot.dataset.at : 0));
  });
}
for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => {
    const { rows, columns } = sides(shape);
    const size = rows * columns;
    pause();
    show(Number(/** @type {HTMLElement} */ (tab).dataset.tab) * size + (current % size));
  });
}
/** @param {Event} event */
function overColumn(event) {
  const cell = event.target instanceof Element ? /** @type {HTMLTableCellElement | null} */ (event.target.closest("td,th")) : null;
  if (!cell || !unfolded) return;
  const place = cell.cellIndex - (unfoldedWeight ? 2 : 1);
  if (place < 0 || place >= places || place === columnOf(current)) return;
  pause();
  show(written.places ? place : Math.floor(current / places) * places + place);
}
unfolded?.addEventListener("click", overColumn);
unfolded?.addEventListener("pointerover", (event) => {
  if (event.pointerType === "mouse") overColumn(event);
});

startLanguage();
show(0);
