"use strict";
// Making elements. Whatever comes from the service becomes text, never markup.

const byId = (id) => document.getElementById(id);

/** An element: its properties (`data` for data-*, `aria` for aria-*), then what is in it. */
function make(tag, { data = {}, aria = {}, ...properties } = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  node.append(...inside.filter((each) => each !== null && each !== undefined && each !== ""));
  return node;
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
  if (focused !== undefined) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function chip(kind, words) {
  return make("li", { className: `chip ${kind}` }, words);
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

function cells(...contents) {
  return make("tr", { role: "row" }, ...contents.map((each) => (
    each instanceof HTMLTableCellElement ? each : make("td", {}, ...[each].flat())
  )));
}

/** Fill a table. The roles are said because on a narrow screen its rows are shown as cards. */
function fillTable(table, names, rows, nothing = "") {
  const heading = (name) => make("th", { scope: "col", role: "columnheader" }, text(name));
  table.role = "table";
  table.tHead.role = table.tBodies[0].role = "rowgroup";
  table.tHead.replaceChildren(make("tr", { role: "row" }, ...names.map(heading)));
  for (const row of rows) {
    for (const [index, cell] of [...row.cells].entries()) {
      cell.role = "cell";
      cell.dataset.heading = text(names[index]);
    }
  }
  const empty = () => make("tr", {}, make("td", { className: "empty", colSpan: names.length }, nothing));
  fill(table.tBodies[0], rows.length ? rows : [empty()]);
}

function options(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, words]) => make("option", { value }, words)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

/** A page back, a page on. */
function pager(nav, { page, page_size: size, total }, go) {
  const pages = Math.max(1, Math.ceil(total / size));
  const button = (key, words, to, able) =>
    make("button", { type: "button", data: { key, to }, disabled: !able, onclick: () => go(to) }, words);
  nav.hidden = pages === 1 && page === 1;
  fill(nav, [
    button("earlier", text("earlier"), page - 1, page > 1),
    make("span", {}, text("pageOf", { page: amount(page), pages: amount(pages) })),
    button("later", text("later"), page + 1, page < pages),
  ]);
}
