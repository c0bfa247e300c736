// A model on one picture: feature maps of any layer, any number of them opened. Looked up, never computed.

import { byId, element, ravel, say, shown, startLanguage, unpack, written } from "./page.js";
import { NOWHERE, Opened, drawList, drawParts, drawSteps, drawTotal, drawWindows, placeText, winner } from "./unit.js";

/** @typedef {import("./page.js").Packed} Packed */
/** @typedef {import("./page.js").Numbers} Numbers */
/** @typedef {import("./unit.js").Term} Term */
/** @typedef {import("./unit.js").NodeJson} NodeJson */
/**
 * @typedef {object} MapsJson
 * @property {number[]} channels
 * @property {number} rows
 * @property {number} columns
 * @property {number} across
 * @property {number} down
 * @property {boolean} vector
 * @property {number} factor
 * @property {number[]} low
 * @property {number[]} high
 * @property {number[]} dead
 * @property {number} deadCount
 * @property {number} count
 * @property {boolean} signed
 */
/** @typedef {NodeJson & {more: {engine: number, difference: number, tolerance: number}, field: (Packed | number)[]}} UnitsJson */
/** @typedef {{path: string, op: string, word: string, shape: number[], reads: string[], units: UnitsJson | null, maps: MapsJson}} LookNode */

/** @type {LookNode[]} */
const nodes = written.nodes;
const byPath = new Map(nodes.map((node) => [node.path, node]));
const start = parse(written.start);

// Arrays are read once, when they are first needed.

/** @type {Map<string, Numbers>} */
const arrays = new Map();

/** @param {string} key @param {Packed | undefined} packed */
function array(key, packed) {
  if (!packed) return null;
  const known = arrays.get(key);
  if (known) return known;
  const read = unpack(packed);
  arrays.set(key, read);
  return read;
}

/** @type {Map<string, Opened>} */
const openedNodes = new Map();

/** @param {LookNode} node @returns {Opened | null} */
function openedNode(node) {
  if (!node.units) return null;
  const known = openedNodes.get(node.path);
  if (known) return known;
  const inputs = node.path === "input"
    ? [array("pixels", written.pixels)]
    : node.reads.map((path) => array(`value ${path}`, written.values?.[path]));
  const weights = (/** @type {string} */ name) => array(`weight ${node.path}.${name}`, written.weights?.[`${node.path}.${name}`]);
  const made = new Opened(node.units, { inputs, weights });
  openedNodes.set(node.path, made);
  return made;
}

/** @param {LookNode} node @param {number} place */
function positionOf(node, place) {
  return openedNode(node)?.at(place) ?? NOWHERE;
}

// Addresses: conv1[3,10,12]

/** @typedef {{node: LookNode, place: number}} Where */

/** @param {string} text @returns {Where | null} */
function parse(text) {
  const found = /^([^[\]]+)\[([\d,]+)\]$/.exec(text);
  const node = byPath.get(found?.[1] ?? "");
  if (!node) return null;
  const place = ravel((found?.[2] ?? "").split(",").map(Number), node.shape);
  return place < 0 ? null : { node, place };
}

/** @param {LookNode} node @param {number} place */
function address(node, place) {
  return node.path + placeText(place, node.shape);
}

/** A link to a unit, if it opens here; else its address. @param {LookNode} node @param {number} place */
function link(node, place) {
  const text = element("code", {}, address(node, place));
  if (positionOf(node, place) === NOWHERE) return element("span", { class: "muted" }, text);
  return element("a", { href: `#${address(node, place)}` }, text);
}

// Maps

/** The channel and the place in it. @param {LookNode} node @param {number} place */
function inMap(node, place) {
  const { rows, columns, vector } = node.maps;
  if (vector) return { channel: 0, row: Math.floor(place / columns), column: place % columns };
  const size = rows * columns;
  return { channel: Math.floor(place / size), row: Math.floor((place % size) / columns), column: place % columns };
}

/** @param {LookNode} node @param {number} channel @param {number} row @param {number} column */
function placeIn(node, channel, row, column) {
  const { rows, columns, vector } = node.maps;
  if (!vector) return channel * rows * columns + row * columns + column;
  const place = row * columns + column;
  return place < (node.shape[0] ?? 0) ? place : NOWHERE;
}

/** @param {LookNode} node @returns {string} */
function sheetOf(node) {
  for (const image of document.querySelectorAll("[data-sheet]")) {
    if (image instanceof HTMLImageElement && image.dataset.sheet === node.path) return image.src;
  }
  return "";
}

/** One map, cut out of the sheet. @param {LookNode} node @param {number} channel @param {string} name */
function cut(node, channel, name) {
  const { channels, across, down, rows, columns } = node.maps;
  const tile = channels.indexOf(channel);
  const box = element("div", { class: name });
  box.style.aspectRatio = `${columns} / ${rows}`;
  if (tile < 0) {
    box.classList.add("unseen");
    return box;
  }
  box.style.backgroundImage = `url("${sheetOf(node)}")`;
  box.style.backgroundSize = `${100 * across}% ${100 * down}%`;
  const x = across > 1 ? (100 * (tile % across)) / (across - 1) : 0;
  const y = down > 1 ? (100 * Math.floor(tile / across)) / (down - 1) : 0;
  box.style.backgroundPosition = `${x}% ${y}%`;
  return box;
}

/** @param {HTMLElement} box @param {LookNode} node @param {MouseEvent} event */
function tapped(box, node, event) {
  const bounds = box.getBoundingClientRect();
  const { rows, columns } = node.maps;
  const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - bounds.top) / bounds.height) * rows)));
  const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - bounds.left) / bounds.width) * columns)));
  return { row, column };
}

/** A frame over a map or the picture, in percent. @param {number} top @param {number} left @param {number} bottom @param {number} right @param {number} rows @param {number} columns @param {string} name */
function frame(top, left, bottom, right, rows, columns, name) {
  const box = element("i", { class: name });
  box.style.left = `${(100 * left) / columns}%`;
  box.style.top = `${(100 * top) / rows}%`;
  box.style.width = `${(100 * (right - left)) / columns}%`;
  box.style.height = `${(100 * (bottom - top)) / rows}%`;
  return box;
}

// The chooser: layers and their maps

const select = /** @type {HTMLSelectElement} */ (byId("node"));
/** @type {LookNode | null} */
let shownNode = null;

/** @param {LookNode} node */
function drawTiles(node) {
  select.value = node.path;
  byId("node-says").replaceChildren(nodeSays(node));
  const { channels, low, high, dead, vector, columns, rows } = node.maps;
  const grid = byId("maps");
  if (vector) {
    grid.className = "";
    grid.replaceChildren();
  } else {
    grid.className = "map-grid";
    grid.style.setProperty("--ratio", `${columns} / ${rows}`);
    grid.replaceChildren(...channels.map((channel, k) => {
      const picture = cut(node, channel, "map");
      const range = `${shown(low[k] ?? 0, 3)} … ${shown(high[k] ?? 0, 3)}`;
      const tile = element("button", { type: "button", class: dead.includes(channel) ? "tile dead" : "tile", "data-channel": String(channel),
        title: `${channel}: ${range}` }, picture, element("span", {}, String(channel)));
      tile.addEventListener("click", (event) => {
        const at = event.detail ? tapped(picture, node, event) : { row: rows >> 1, column: columns >> 1 };
        go(node, placeIn(node, channel, at.row, at.column));
      });
      return tile;
    }));
  }
  markTiles(node);
  for (const box of document.querySelectorAll(".drawing [data-path]")) {
    box.classList.toggle("now", box instanceof SVGElement && box.dataset.path === node.path);
  }
}

/** Dots where units open, in a page that does not hold all of them. @param {LookNode} node */
function markTiles(node) {
  if (!node.units?.units || node.maps.vector) return;
  const { rows, columns } = node.maps;
  for (const place of unpack(node.units.units)) {
    const at = inMap(node, place);
    const map = document.querySelector(`.tile[data-channel="${at.channel}"] .map`);
    map?.append(frame(at.row, at.column, at.row + 1, at.column + 1, rows, columns, "dot"));
  }
}

/** @param {LookNode} node */
function nodeSays(node) {
  const { channels, count, deadCount, signed, factor, vector } = node.maps;
  const all = document.createDocumentFragment();
  if (node.op) all.append(element("code", {}, node.op), element("br"));
  const said = [say(signed ? "each scaled signed" : "each scaled")];
  if (!vector && channels.length < count) said.push(say("maps left out", { shown: String(channels.length), all: String(count) }));
  if (deadCount) said.push(say("dead count", { count: String(deadCount), all: String(count) }));
  if (factor > 1) said.push(say("halved", { factor: String(factor) }));
  said.forEach((one, k) => all.append(k ? "; " : "", one));
  return all;
}

// A unit

/** @param {LookNode} node @param {number} place */
function go(node, place) {
  if (place < 0) return;
  draw(node, place);
  // The address stays in the browser's, so that back leads back.
  location.hash = `#${address(node, place)}`;
}

/** The address of what is open. */
let current = "";
/** Whether one goes on within a map, which stays where it is. */
let stay = false;

/** @param {LookNode} node @param {number} place */
function draw(node, place) {
  current = address(node, place);
  if (shownNode !== node) drawTiles(node);
  shownNode = node;
  const at = inMap(node, place);
  for (const tile of document.querySelectorAll(".tile")) {
    tile.setAttribute("aria-pressed", String(tile instanceof HTMLElement && Number(tile.dataset.channel) === at.channel));
  }
  const unit = byId("unit");
  const opened = openedNode(node);
  const position = positionOf(node, place);
  const title = element("h3", {}, element("code", {}, address(node, place)));
  const name = node.path === written.scores ? written.classes[String(place)] : undefined;
  if (name !== undefined) title.append(" ", element("small", {}, say("score of", { name: element("bdi", {}, name) })));
  const about = element("p", { class: "note" }, node.op ? element("code", {}, node.op) : "", node.op ? " · " : "", say(`op: ${node.word}`));
  if (!opened || position === NOWHERE) {
    const command = `convscope look MODEL PICTURE --at '${address(node, place)}'`;
    unit.replaceChildren(title, about, sights(node, place, null),
      element("p", {}, say("not here")), element("pre", {}, element("code", {}, command)));
    return;
  }
  unit.replaceChildren(title, about, numbers(opened, position), sights(node, place, opened), arithmetic(node, opened, position), wayBack(node, place),
    wayOn(node, place));
}

/** NumPy's number beside the engine's. @param {Opened} opened @param {number} at */
function numbers(opened, at) {
  const { more } = /** @type {UnitsJson} */ (opened.json);
  const difference = opened.number(more.difference, at);
  const tolerance = opened.number(more.tolerance, at);
  const agrees = Math.abs(difference) <= tolerance;
  return element("dl", { class: agrees ? "three" : "three wrong" },
    element("div", {}, element("dt", {}, say("numpy"), " ", element("small", {}, "float64")), element("dd", { id: "value" }, shown(opened.value(at), 9))),
    element("div", {}, element("dt", {}, say("engine"), " ", element("small", {}, written.precision)),
      element("dd", { id: "engine" }, shown(opened.number(more.engine, at), 9))),
    element("div", {}, element("dt", {}, say("difference")), element("dd", {}, shown(difference, 2)),
      element("small", {}, say(agrees ? "rounding" : "too far", { tolerance: shown(tolerance, 2) }))));
}

/** The unit's place in its map, and what it sees of the picture. @param {LookNode} node @param {number} place @param {Opened | null} opened */
function sights(node, place, opened) {
  const at = inMap(node, place);
  const { rows, columns, vector, channels, low, high, dead } = node.maps;
  const map = cut(node, at.channel, "map large");
  if (vector) {
    map.style.width = `min(100%, ${Math.max(1.25, Math.min(2.2, 20 / columns)) * columns}rem)`;
    map.classList.add("vector");
  }
  map.append(frame(at.row, at.column, at.row + 1, at.column + 1, rows, columns, "at"));
  for (const [other, name] of /** @type {[number, string][]} */ (node.units?.units ? [...unpack(node.units.units)].map((one) => [one, "dot"]) : [])) {
    const spot = inMap(node, other);
    if (spot.channel === at.channel && other !== place) map.append(frame(spot.row, spot.column, spot.row + 1, spot.column + 1, rows, columns, name));
  }
  map.tabIndex = 0;
  map.addEventListener("click", (event) => {
    const spot = tapped(map, node, event);
    stay = true;
    go(node, placeIn(node, at.channel, spot.row, spot.column));
  });
  map.addEventListener("keydown", (event) => moved(event, node, at));
  const k = channels.indexOf(at.channel);
  const range = { n: String(at.channel), low: shown(low[k] ?? NaN, 3), high: shown(high[k] ?? NaN, 3) };
  const caption = vector ? say("range", range) : dead.includes(at.channel) ? say("dead map") : k < 0 ? say("here") : say("map n", range);
  const all = element("div", { class: vector ? "sights wide" : "sights" }, element("figure", {}, map, element("figcaption", {}, caption)));
  if (opened) all.append(seen(node, place, opened));
  return all;
}

/** @param {KeyboardEvent} event @param {LookNode} node @param {{channel: number, row: number, column: number}} at */
function moved(event, node, at) {
  /** @type {Record<string, [number, number]>} */
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const by = moves[event.key];
  if (!by) return;
  event.preventDefault();
  const row = at.row + by[0];
  const column = at.column + by[1];
  if (row < 0 || column < 0 || row >= node.maps.rows || column >= node.maps.columns) return;
  stay = true;
  go(node, placeIn(node, at.channel, row, column));
  /** @type {HTMLElement | null} */ (document.querySelector(".map.large"))?.focus({ preventScroll: true });
}

/** @param {LookNode} node @param {number} place @param {Opened} opened */
function seen(node, place, opened) {
  const source = /** @type {HTMLImageElement} */ (byId("picture"));
  const [, rows, columns] = /** @type {[number, number, number]} */ (nodes[0]?.shape);
  const position = opened.at(place);
  const sides = /** @type {UnitsJson} */ (opened.json).field.map((packed) => columnOf(packed)(position));
  const [top = 0, bottom = 0, left = 0, right = 0] = sides;
  const picture = element("div", { class: "sight" });
  picture.append(element("img", { src: source.src, alt: "", class: source.className }));
  const nothing = bottom <= top || right <= left;
  const whole = top === 0 && left === 0 && bottom === rows && right === columns;
  if (!nothing && !whole) picture.append(frame(top, left, bottom, right, rows, columns, "field"));
  const last = { top: String(top), bottom: String(bottom - 1), left: String(left), right: String(right - 1) };
  const key = nothing ? "sees nothing" : whole ? "sees whole" : "sees box";
  return element("figure", {}, picture, element("figcaption", {}, key === "sees box" ? say("sees") : say(key), key === "sees box" ? ": " : "",
    key === "sees box" ? say(key, last) : ""));
}

/** @type {Map<Packed | number, (at: number) => number>} */
const fieldColumns = new Map();

/** @param {Packed | number} packed @returns {(at: number) => number} */
function columnOf(packed) {
  if (typeof packed === "number") return () => packed;
  const known = fieldColumns.get(packed);
  if (known) return known;
  const read = unpack(packed);
  const made = (/** @type {number} */ at) => read[at] ?? 0;
  fieldColumns.set(packed, made);
  return made;
}

/** @param {LookNode} node @param {Opened} opened @param {number} at */
function arithmetic(node, opened, at) {
  const all = element("div", { class: "arithmetic" });
  const terms = opened.terms(at);
  const hands = {
    from: (/** @type {Term} */ term) => source(node, term),
    beside: (/** @type {number} */ channel, /** @type {Term[]} */ own) => windowOn(node, channel, own),
  };
  const windows = drawWindows(opened, at, hands, 2, 2);
  if (windows) all.append(element("h4", {}, say("the windows")), windows);
  if (terms.length > 1) all.append(element("h4", {}, say("the terms"), " ", element("small", {}, say("reads", { n: String(terms.length) }))));
  if (terms.length) all.append(drawList(opened, at, hands));
  const total = drawTotal(opened, at);
  if (total) all.append(total);
  const parts = drawParts(opened, at, (part, within) => [arithmetic(node, part, within)]);
  if (parts) all.append(parts);
  const steps = opened.steps(at);
  if (steps.length) all.append(element("h4", {}, say("the steps")), drawSteps(steps, 8));
  return all;
}

/** The map that a window lies on, with the window. @param {LookNode} node @param {number} channel @param {Term[]} own */
function windowOn(node, channel, own) {
  const from = byPath.get(node.reads[0] ?? "");
  const inside = own.filter((term) => term.place !== NOWHERE).map((term) => (from ? inMap(from, term.place) : null));
  if (!from || from.maps.vector || !inside.length || !from.maps.channels.includes(channel)) return null;
  const { rows, columns } = from.maps;
  const [ys, xs] = [inside.map((at) => at?.row ?? 0), inside.map((at) => at?.column ?? 0)];
  const map = cut(from, channel, "map mini");
  map.append(frame(Math.min(...ys), Math.min(...xs), Math.max(...ys) + 1, Math.max(...xs) + 1, rows, columns, "at"));
  return map;
}

/** @param {LookNode} node @param {Term} term */
function source(node, term) {
  const from = byPath.get(node.reads[term.operand] ?? "");
  return from ? link(from, term.place) : element("span", {}, say("the pixel"));
}

/** Where one goes by the term that moves a unit most. @param {LookNode} node @param {number} place @returns {Where | null} */
function leading(node, place) {
  const opened = openedNode(node);
  const at = positionOf(node, place);
  if (!opened || at === NOWHERE) return null;
  const terms = opened.every(at);
  let best = 0;
  if (opened.json.combine === "max") best = winner(terms, opened.combined(at));
  else terms.forEach((term, k) => {
    if (Math.abs(term.result) > Math.abs(terms[best]?.result ?? 0)) best = k;
  });
  const term = terms[best];
  const from = term ? byPath.get(node.reads[term.operand] ?? "") : undefined;
  return !term || !from || term.place === NOWHERE ? null : { node: from, place: term.place };
}

/** @param {LookNode} node @param {number} place */
function wayBack(node, place) {
  const list = element("ol", { class: "way" });
  let where = leading(node, place);
  for (let count = 0; where && count < 400; count++) {
    list.append(element("li", {}, link(where.node, where.place)));
    where = leading(where.node, where.place);
  }
  if (!list.children.length) return element("div");
  return element("div", {}, element("h4", {}, say("way back"), " ", element("small", {}, say("way text"))), list);
}

const MOST_READERS = 12;

/** The units that read this one, those first to which it adds most. @param {LookNode} node @param {number} place */
function wayOn(node, place) {
  const found = nodes.flatMap((reader) => reader.reads.flatMap((path, operand) => {
    const opened = path === node.path ? openedNode(reader) : null;
    return (opened?.readers(operand, place) ?? []).map(({ at, term }) => ({ reader, place: opened?.placeOf(at) ?? 0, adds: term.result }));
  }));
  if (!found.length) return element("div");
  found.sort((a, b) => Math.abs(b.adds) - Math.abs(a.adds));
  const list = element("ol", { class: "way on" }, ...found.slice(0, MOST_READERS).map((one) =>
    element("li", {}, link(one.reader, one.place), " ", element("small", {}, shown(one.adds, 3)))));
  if (found.length > MOST_READERS) list.append(element("li", { class: "muted" }, say("and more readers", { n: String(found.length - MOST_READERS) })));
  return element("div", {}, element("h4", {}, say("way on"), " ", element("small", {}, say("way on text"))), list);
}

// Events

/** Open what the browser's address asks for; whether it asks for a unit. */
function fromHash() {
  const where = parse(decodeURIComponent(location.hash.slice(1)));
  if (where && address(where.node, where.place) !== current) draw(where.node, where.place);
  return where !== null;
}

window.addEventListener("hashchange", () => {
  if (!fromHash() || stay) {
    stay = false;
    return;
  }
  const panel = byId("unit").getBoundingClientRect();
  if (panel.top < 0 || panel.top > window.innerHeight * 0.6) byId("unit").scrollIntoView({ block: "start" });
});

/** The strongest place of a layer that opens here, else its middle. @param {LookNode} node */
function entry(node) {
  const units = node.units?.units ? unpack(node.units.units) : null;
  const first = units?.[0];
  if (first !== undefined) return first;
  const { rows, columns, vector, channels } = node.maps;
  return vector ? 0 : placeIn(node, channels[0] ?? 0, rows >> 1, columns >> 1);
}

/** @param {LookNode | undefined} node */
function enter(node) {
  if (node) go(node, entry(node));
}

select.addEventListener("change", () => enter(byPath.get(select.value)));
for (const [id, by] of /** @type {[string, number][]} */ ([["node-before", -1], ["node-after", 1]])) {
  byId(id).addEventListener("click", () => enter(nodes[select.selectedIndex + by]));
}
for (const box of document.querySelectorAll(".drawing [data-path]")) {
  if (!(box instanceof SVGElement)) continue;
  box.setAttribute("tabindex", "0");
  box.setAttribute("role", "link");
  const visit = () => {
    enter(byPath.get(box.dataset.path ?? ""));
    byId("units").scrollIntoView({ block: "start" });
  };
  box.addEventListener("click", visit);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") visit();
  });
}

startLanguage();
if (fromHash()) byId("unit").scrollIntoView({ block: "start" });
else if (start) draw(start.node, start.place);

