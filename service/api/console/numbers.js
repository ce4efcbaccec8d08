"use strict";
// The list of numbers: filtered, sorted, paged, and ticked.

const PAGE_SIZE = 20;
const SORTS = ["number", "-number", "-used_day", "used_day", "-used_hour", "used_hour"];
const USAGES = ["Outbound", "Bidirection", "Inbound"];
const NUMBERS = [
  ["tick", tick, "tick"],
  ["number", (one) => [one.number, below(besideNumber(one))], "number"],
  ["place", (one) => [place(one), below(text(one.usage))]],
  ["serves", (one) => [one.agent_id, ...one.skill_group_ids].filter(Boolean).join(", ") || "–"],
  ["usedHour", (one) => use(one.used_hour, one.max_per_hour)],
  ["usedDay", (one) => use(one.used_day, one.max_per_day)],
  ["health", (one) => healthWords(one.health)],
  ["state", state],
  ["action", actions],
];
const HEALTH = /^(\w+?)(?:_(\d))?: answered (\d+) of (\d+) calls, (\d+) expected/;

function askNumbers() {
  return askOwn("/v1/numbers", { ...now.filter, page: now.page, page_size: PAGE_SIZE });
}

function drawNumbers() {
  const { numbers, overview } = now.answers;
  const empty = numbers ? text("nothing") : text("inventoryMissing");
  const page = numbers || { data: [], page: 1, page_size: PAGE_SIZE, total: 0, standing: "known" };
  fillTable(byId("numbers"), NUMBERS, page.data, empty);
  drawTicks();
  byId("numbers-total").textContent = text("total", { count: amount(page.total) });
  byId("numbers-unknown").hidden = page.standing === "known";
  pager(byId("numbers-pages"), page, (to) => change({ page: to }));
  drawReasons(overview.provinces);
  drawBulk(page.total);
}

/** Buttons for each state that some numbers are in; of one province where one is chosen. */
function drawReasons(provinces) {
  const { province = "", state: chosen = "" } = now.filter;
  const counted = province ? provinces.filter((each) => each.province === province) : provinces;
  const reasons = countReasons(counted);
  if (chosen && !["available", "parked", ...reasons.map(([reason]) => reason)].includes(chosen)) reasons.push([chosen, 0]);
  const [candidates, available] = [sum(counted, "candidates"), sum(counted, "available")];
  const choice = (value, words) =>
    button(words, () => filterBy({ state: value }), { key: `state ${value}`, ariaPressed: String(value === chosen) });
  fill(byId("reasons"), [
    choice("", text("all")),
    choice("available", `${text("available")} ${amount(available)}`),
    choice("parked", `${text("parked")} ${amount(candidates - available)}`),
    ...reasons.map(([reason, count]) => choice(reason, `${text(`reason.${reason}`)} ${amount(count)}`)),
  ]);
}

/** Filter anew by some fields beside the others, from the first page. */
function filterBy(fields) {
  const form = byId("filter").elements;
  for (const [name, value] of Object.entries(fields)) if (form[name]) form[name].value = value;
  now.ticked.clear();
  return change({ filter: { ...now.filter, ...fields }, page: 1 });
}

/** Go to the numbers, with no filter but this. */
function showNumbers(filter) {
  byId("filter").reset();
  now.filter = {};
  now.view = "numbers";
  location.hash = "numbers";
  return filterBy(filter);
}

/** What is said in the choices of the filter, which keep what is chosen. */
function drawFilter() {
  const { provinces = [], skill_group_ids: groups = [] } = now.answers?.overview || {};
  const filter = byId("filter").elements;
  const all = ["", text("all")];
  const places = provinces.map((each) => each.province).filter(Boolean).sort();
  if (now.filter.province && !places.includes(now.filter.province)) places.push(now.filter.province);
  options(filter.province, [all, ...places.map((each) => [each, provinceName(each)])]).value = now.filter.province || "";
  options(filter.usage, [all, ...USAGES.map((each) => [each, text(each)])]);
  options(filter.active, [all, ["true", text("yes")], ["false", text("no")]]);
  options(filter.sort, SORTS.map((each) => [each, text(`sorts.${each}`)]));
  byId("groups").replaceChildren(...groups.map((value) => make("option", { value })));
}

function besideNumber(one) {
  return [one.provider, ...one.tags].filter(Boolean).join(" · ");
}

/** Answer rate and health; the service's own words where they are others than a comparison. */
function healthWords(health) {
  if (!health) return "–";
  const [, kind, stage, answered, calls, expected] = HEALTH.exec(health) || [];
  if (!kind) return health;
  const share = Number(calls) ? percent(answered / calls) : "–";
  const name = text(`healthStates.${kind}`, { stage: stage || "" });
  return [chip(kind === "quarantined" ? "bad" : "warn", name), below(text("answeredOf", { share, answered, calls, expected }))];
}

function state(one) {
  if (one.parked === null) return text("unknown");
  if (one.available) return chip("good", text("available"));
  return make("ul", {}, one.parked.map((park) => make("li", {}, ...parkWords(park))));
}

/** Why a number is out, until when, who says so, and in which words. */
function parkWords({ reason, until, by, note }) {
  return [chip(reason === "quarantine" ? "bad" : "warn", text(`reason.${reason}`)), below(endAndWords(until, by, note))];
}

function endAndWords(until, by, note) {
  return [until && text("until", { time: instant(until) }), by && text("parkedBy", { by }), note && `“${note}”`].filter(Boolean).join(" · ");
}

function tick(one) {
  return make("input", {
    type: "checkbox", value: one.number, ariaLabel: text("tickOne", { number: one.number }),
    data: { key: `tick ${one.number}` },
    onchange: (event) => { now.ticked[event.target.checked ? "add" : "delete"](one.number); drawBulk(now.answers.numbers.total); },
  });
}

/** Rows that are drawn anew, or stay, have the ticks that they had. */
function drawTicks() {
  for (const box of byId("numbers").querySelectorAll("input[type=checkbox]")) box.checked = now.ticked.has(box.value);
}

function tickPage() {
  const page = now.answers.numbers.data.map((one) => one.number);
  const isWhole = page.every((number) => now.ticked.has(number));
  for (const number of page) now.ticked[isWhole ? "delete" : "add"](number);
  drawTicks();
  drawBulk(now.answers.numbers.total);
}

/** What a person may do with a number: nothing with one that is in no rotation anyway. */
function actions(one) {
  if (one.parked === null || one.parked.some(({ until }) => until === null)) return "";
  const liftable = one.parked.map(({ reason }) => reason).filter((reason) => LIFTABLE.includes(reason));
  const act = (verb, onclick) => button(text(verb), onclick, { key: `${verb} ${one.number}`, ariaLabel: text(`${verb}One`, { number: one.number }) });
  return make(
    "div", { className: "actions" },
    act("park", () => askToPark([one.number])),
    liftable.length ? act("unpark", () => askToLift([one.number], liftable)) : "",
  );
}
