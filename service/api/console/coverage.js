"use strict";
// Which numbers to buy where, which are idle, and what runs out tomorrow: asked for, never by itself.

const TO_BUY = ["skillGroup", "place", "toBuy", "gain", "instead"];
const IDLE = ["skillGroup", "place", "idleCount"];
const SPENT = ["skillGroup", "place", "spentAt"];
const ROWS_SHOWN = 50;

function drawCoverage(coverage) {
  const told = byId("coverage");
  if (!coverage.days) return told.replaceChildren(make("p", { className: "hint" }, text("noDemand")));
  told.replaceChildren(
    make("p", {}, text("foretold", { days: coverage.days, calls: byLevel(coverage.foretold) })),
    coverage.ratio === null ? "" : make("p", {}, text("realised", { share: `${(coverage.ratio * 100).toFixed(1)} %` })),
    ...covered("buyTitle", TO_BUY, coverage.buy, (row) => [amount(row.count), amount(Math.round(row.gain)), byLevel(row.instead) || text("refusals")]),
    ...covered("idleTitle", IDLE, coverage.idle, (row) => [amount(row.count)]),
    ...covered("spentTitle", SPENT, coverage.exhausted, (row) => [instant(row.at)]),
  );
}

/** One of the three lists with its title; its first rows are enough to act on. */
function covered(title, columns, rows, rest) {
  const table = make("table", {}, make("thead"), make("tbody"));
  fillTable(table, columns, rows.slice(0, ROWS_SHOWN).map((row) => cells(row.skill_group_id, place(row), ...rest(row))), text("nothingHere"));
  const count = rows.length > ROWS_SHOWN ? text("firstOf", { shown: ROWS_SHOWN, count: amount(rows.length) }) : "";
  return [make("h3", { className: "hint" }, text(title), count ? below(count) : ""), scrolling(table, text(title))];
}

function byLevel(calls) {
  const served = Object.entries(calls).filter(([, count]) => count >= 0.5);
  return served.map(([level, count]) => `${text(`matches.${level}`)} ${amount(Math.round(count))}`).join(language === "en" ? ", " : "，");
}
