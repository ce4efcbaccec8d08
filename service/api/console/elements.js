"use strict";
// Making elements. Whatever comes from the service becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

/** An element: its properties (`data` for data-*, `aria` for aria-*), then what is in it. */
function make(tag, { data = {}, aria = {}, ...properties } = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  node.append(...present(inside));
  return node;
}

/** An element of a drawing, with its attributes. */
function drawing(tag, attributes = {}, ...inside) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...present(inside));
  return node;
}

/** The parts that there are, of lists within lists. */
function present(parts) {
  return parts.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== "");
}

/**
 * Put other children into an element. What is the same stays, so that a selection does; the focus
 * stays with whoever has the same key there. Handlers may depend on nothing but what is seen.
 */
function fill(node, children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  for (const [index, child] of children.entries()) {
    const old = node.children[index];
    if (!old) node.append(child);
    else if (!old.isEqualNode(child)) old.replaceWith(child);
  }
  while (node.children.length > children.length) node.lastElementChild.remove();
  if (focused !== undefined) byKey(focused, node)?.focus();
}

function byKey(key, within = document) {
  return within.querySelector(`[data-key="${CSS.escape(key)}"]`);
}

const shownIn = new Map(); // by id, what draws the result that stands there

/** Show a result in a place; it is drawn again when the language changes. */
function show(id, draw) {
  shownIn.set(id, draw);
  byId(id).replaceChildren(...present([draw()]));
}

function showAgain() {
  for (const [id, draw] of shownIn) byId(id).replaceChildren(...present([draw()]));
}

/** Show in a place that something is asked for, then its answer, or why there is none. */
async function showAnswer(id, request, draw) {
  show(id, () => hint(text("asking")));
  try {
    const answer = await request();
    show(id, () => draw(answer));
  } catch (error) {
    show(id, () => make("p", { className: "verdict bad" }, said(error)));
  }
}

function hint(words) {
  return make("p", { className: "hint" }, words);
}

function below(words) {
  return make("span", { className: "sub" }, words);
}

function chip(kind, words, tag = "span") {
  return make(tag, { className: `chip ${kind}` }, words);
}

function button(words, onclick, { key = words, ...properties } = {}) {
  return make("button", { type: "button", data: { key }, onclick, ...properties }, words);
}

/** How much of a cap is used up, as a bar; its figures stand beside it. */
function bar(used, cap) {
  const share = cap ? Math.min(1, used / cap) : 0;
  const inner = make("i");
  inner.style.width = `${share * 100}%`;
  return make("div", { className: share >= 1 ? "bar full" : "bar", aria: { hidden: "true" } }, inner);
}

function use(used, cap) {
  if (used === null) return text("unknown");
  const figures = cap ? `${amount(used)} / ${amount(cap)}` : amount(used);
  return make("div", { className: "use" }, figures, cap ? bar(used, cap) : "");
}

function place(one) {
  const city = one.city && one.city !== one.province ? one.city : "";
  return [provinceName(one.province), city].filter(Boolean).join(" ") || text("unknownPlace");
}

/** A field of a form with its label; `control` has its name. */
function labelled(key, control, note = "") {
  return make("label", {}, make("span", {}, text(key)), control, note ? make("small", {}, note) : "");
}

function options(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, words]) => make("option", { value }, words)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
  return select;
}
