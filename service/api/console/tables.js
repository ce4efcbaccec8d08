"use strict";
// Tables, and paging through them. A column is the key of its heading and what a cell of it holds.

/** Fill a table. The roles are said because on a narrow screen its rows are shown as cards. */
function fillTable(table, columns, data, nothing = "") {
  table.role = "table";
  table.tHead.role = table.tBodies[0].role = "rowgroup";
  const heading = ([key]) => make("th", { scope: "col", role: "columnheader" }, text(key));
  table.tHead.replaceChildren(make("tr", { role: "row" }, columns.map(heading)));
  const empty = () => make("tr", {}, make("td", { className: "empty", colSpan: columns.length }, nothing));
  fill(table.tBodies[0], data.length ? data.map((one) => row(columns, one)) : [empty()]);
}

function row(columns, one) {
  const cell = ([key, content, className = ""]) => make("td", { className, role: "cell", data: { heading: text(key) } }, content(one));
  return make("tr", { role: "row" }, columns.map(cell));
}

/** A table of its own, which scrolls sideways within itself where it must. */
function newTable(label, columns, data, nothing = "") {
  const table = make("table", {}, make("thead"), make("tbody"));
  fillTable(table, columns, data, nothing);
  return make("div", { className: "scroll", tabIndex: 0, role: "group", aria: { label } }, table);
}

/** The first rows are enough to act on; how many there are is said. */
function firstRows(label, columns, data, most = 20) {
  const count = data.length > most ? text("firstOf", { shown: most, count: amount(data.length) }) : "";
  const title = make("h3", {}, label, count ? below(count) : "");
  return [title, newTable(label, columns, data.slice(0, most), text("nothingHere"))];
}

/** A page back, a page on. */
function pager(nav, { page, page_size: size, total }, go) {
  const pages = Math.max(1, Math.ceil(total / size));
  const step = (key, to, isThere) => button(text(key), () => go(to), { key, disabled: !isThere, value: to });
  nav.hidden = pages === 1 && page === 1;
  fill(nav, [
    step("earlier", page - 1, page > 1),
    make("span", {}, text("pageOf", { page: amount(page), pages: amount(pages) })),
    step("later", page + 1, page < pages),
  ]);
}
