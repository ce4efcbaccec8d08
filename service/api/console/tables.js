"use strict";
// The three tables: the numbers, who is parked, the last picks.

const NUMBERS = ["number", "place", "usage", "serves", "usedHour", "usedDay", "state", "action"];
const PARKED = ["number", "place", "why", "usedDay", "health", "action"];
const CANDIDATES = ["number", "level", "turn", "usedHour", "usedDay", "verdict"];
const PICKS = ["time", "called", "caller", "match", "source", "skipped"];

const opened = new Set(); // request ids of picks whose explanation is open

function drawNumbers(page, go, act) {
  const rows = page.data.map((one) => cells(
    numberCell(one), place(one), text(one.usage), serves(one), use(one.used_hour, one.max_per_hour),
    use(one.used_day, one.max_per_day), state(one), action(one, act, "numbers"),
  ));
  fillTable(byId("numbers"), NUMBERS, rows, text("nothing"));
  byId("numbers-total").textContent = text("total", { count: amount(page.total) });
  pager(byId("numbers-pages"), page, go);
}

function drawParked(page, go, act) {
  const rows = page.data.map((one) => cells(
    numberCell(one), place(one), state(one), use(one.used_day, one.max_per_day), one.health || "–", action(one, act, "parked"),
  ));
  fillTable(byId("parked"), PARKED, rows, text("nobodyParked"));
  pager(byId("parked-pages"), page, go);
}

function drawReasons(provinces, chosen, choose) {
  const counts = {};
  for (const { parked } of provinces)
    for (const [reason, count] of Object.entries(parked)) counts[reason] = (counts[reason] || 0) + count;
  if (chosen && !(chosen in counts)) counts[chosen] = 0;
  const button = (reason, words) => make(
    "button",
    { type: "button", data: { key: reason }, aria: { pressed: String(reason === chosen) }, onclick: () => choose(reason) },
    words,
  );
  const named = Object.entries(counts).sort().map(([reason, count]) => button(reason, `${text(`reason.${reason}`)} ${amount(count)}`));
  fill(byId("reasons"), named.length ? [button("", text("all")), ...named] : []);
}

function numberCell(one) {
  const beside = [one.provider, ...one.tags].filter(Boolean).join(" · ");
  return make("td", { className: "number" }, one.number, beside ? make("span", { className: "sub" }, beside) : "");
}

function serves(one) {
  return [one.agent_id, ...one.skill_group_ids].filter(Boolean).join(", ") || "–";
}

function state(one) {
  if (one.parked === null) return text("unknown");
  if (one.available) return make("span", { className: "chip good" }, text("available"));
  return make("ul", {}, ...one.parked.map(({ reason, until }) => make(
    "li", {},
    make("span", { className: reason === "quarantine" ? "chip bad" : "chip warn" }, text(`reason.${reason}`)),
    until ? make("span", { className: "sub" }, text("until", { time: instant(until) })) : "",
  )));
}

/** What a person may do with a number: nothing with one that is in no rotation anyway. */
function action(one, act, table) {
  if (one.parked === null || one.parked.some(({ until }) => until === null)) return "";
  const isOurs = one.parked.some(({ reason }) => reason === "operator");
  const kind = isOurs ? "unpark" : "park";
  return make(
    "button",
    {
      type: "button", data: { key: one.number }, onclick: () => act(kind, one.number, table),
      aria: { label: text(`${kind}One`, { number: one.number }) },
    },
    text(kind),
  );
}

function drawPicks(picks, workers) {
  byId("picks-note").textContent = workers > 1 ? text("picksWorkers", { workers }) : text("picksNote");
  fillTable(byId("picks"), PICKS, picks.map(pickRow), text("noPicks"));
}

function pickRow(pick) {
  const [first] = pick.data;
  const called = first ? first.callee : { number: pick.called_number, province: "", city: "" };
  const shown = first
    ? [first.caller.number, below(place(first.caller)), pick.data.length > 1 ? below(text("more", { count: pick.data.length })) : ""]
    : [make("span", { className: "chip bad" }, text(pick.code))];
  const at = [instant(pick.at, true), pick.dry_run ? below(text("dryRun")) : ""];
  const source = pick.source ? text(`sources.${pick.source}`) : "–";
  return cells(
    at, [called.number, below(place(called))], shown, first ? text(`matches.${first.match}`) : "–", source,
    [reasonList(pick.rejected), explanation(pick)],
  );
}

function below(words) {
  return make("span", { className: "sub" }, words);
}

function reasonList(reasons) {
  const told = Object.entries(reasons).map(([reason, count]) => `${text(`reason.${reason}`)} ${amount(count)}`);
  return told.join(language === "en" ? ", " : "，") || "–";
}

function explanation(pick) {
  if (!pick.explanation.length) return "";
  const details = make(
    "details", { open: opened.has(pick.request_id) },
    make("summary", { data: { key: pick.request_id } }, text("explanation", { count: pick.explanation.length })),
    candidateTable(pick.explanation),
  );
  details.ontoggle = () => (details.open ? opened.add(pick.request_id) : opened.delete(pick.request_id));
  return details;
}

/** Each candidate that was looked at or is parked, and what kept it out. */
function candidateTable(candidates) {
  const table = make("table", {}, make("thead"), make("tbody"));
  const verdict = (reason) => make("span", { className: reason ? "chip warn" : "chip good" }, reason ? text(`reason.${reason}`) : text("taken"));
  const rows = candidates.map((one) => cells(
    make("td", { className: "number" }, one.number), text(`matches.${one.match}`), one.turn > 0 ? amount(one.turn) : "–",
    amount(one.used_hour), amount(one.used_day),
    [verdict(one.reason), one.until ? make("span", { className: "sub" }, text("until", { time: instant(one.until) })) : ""],
  ));
  fillTable(table, CANDIDATES, rows);
  return table;
}
