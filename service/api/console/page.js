"use strict";
// The page as a whole: what is shown now, when it is asked for again, and what a person does.

const REFRESH_MS = 5000;
const AT_MOST_A_TWENTIETH = 20; // of the time is spent asking, however slow the answers are
const PAGE_SIZE = 10;
const PICKS_KEPT = 200;

const now = {
  instance: "", instances: [], province: "", reason: "", filter: {}, numbersPage: 1, parkedPage: 1,
  answers: null, picks: new Map(), trial: null, coverage: null, experiment: null, paused: false,
};
let asked = 0;
let timer = 0;

async function askEverything() {
  const { instance, province, reason } = now;
  const own = { instance_id: instance };
  const [ready, inventory, overview, numbers, parked, picks] = await Promise.all([
    ask("/readyz", { anyStatus: true }),
    ask("/v1/inventory"),
    ask(query("/v1/console/overview", own)),
    ask(query("/v1/numbers", { ...own, ...now.filter, province, page: now.numbersPage, page_size: PAGE_SIZE })),
    ask(query("/v1/numbers", { ...own, province, state: reason || "parked", page: now.parkedPage, page_size: PAGE_SIZE })),
    ask("/v1/console/picks"),
  ]);
  return { ready, inventory, overview, numbers, parked, picks, at: Date.now() };
}

/** Ask for everything and show it; what was asked before somebody chose otherwise is dropped. */
async function refresh() {
  clearTimeout(timer);
  const mine = ++asked;
  const started = performance.now();
  try {
    if (!now.instances.length) await findInstances();
    const answers = await askEverything();
    if (mine !== asked) return;
    now.answers = answers;
    remember(answers.picks.data);
    problem("");
    draw();
  } catch (error) {
    if (mine !== asked) return;
    if (await handled(error)) return refresh();
  }
  const pause = Math.max(REFRESH_MS, AT_MOST_A_TWENTIETH * (performance.now() - started));
  if (mine === asked && !now.paused && !document.hidden) timer = setTimeout(refresh, pause);
}

/** Whether a token was given that makes it worth asking again; anything else is told. */
async function handled(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
    await signIn(error);
    return true;
  }
  problem(error instanceof Refused ? error.message : text("unreachable", { detail: error.message }));
  return false;
}

async function findInstances() {
  const inventory = await ask("/v1/inventory");
  now.instances = inventory.data.map((each) => each.instance_id);
  now.instance ||= now.instances[0];
  options(byId("instance"), now.instances.map((each) => [each, each]));
  byId("instance").closest("label").hidden = now.instances.length === 1;
}

/** Each worker has its own picks: whichever answers, its picks join those known. */
function remember(picks) {
  for (const pick of picks) now.picks.set(`${pick.request_id} ${pick.at}`, pick);
  const newest = [...now.picks].sort(([, one], [, other]) => (one.at < other.at ? 1 : -1));
  now.picks = new Map(newest.slice(0, PICKS_KEPT));
}

function problem(words) {
  byId("problem").hidden = !words;
  byId("problem").textContent = words;
}

function tell(words) {
  byId("told").textContent = words;
}

function draw() {
  const { overview, numbers, parked, picks } = now.answers;
  drawStates();
  drawFigures(overview.provinces);
  drawMap(overview.provinces, now.province, chooseProvince);
  drawNumbers(numbers, (page) => change({ numbersPage: page }), askToPark);
  drawReasons(overview.provinces, now.reason, (reason) => change({ reason, parkedPage: 1 }));
  drawParked(parked, (page) => change({ parkedPage: page }), askToPark);
  byId("parked-total").textContent = text("counted", { time: instant(overview.counted_at, true) });
  drawPicks([...now.picks.values()].filter((one) => one.instance_id === now.instance), picks.workers);
  drawChoices(overview);
  byId("leave").hidden = !sessionStorage.getItem(TOKEN);
  const time = instant(now.answers.at, true);
  byId("refreshed").textContent = text(now.paused ? "paused" : "refreshed", { time });
}

function drawStates() {
  const { components } = now.answers.ready;
  const inventory = now.answers.inventory.data.find((each) => each.instance_id === now.instance);
  const redis = { up: ["good", "redisUp"], down: ["bad", "redisDown"], embedded: ["warn", "redisEmbedded"] }[components.redis];
  const kept = { ready: ["good", "inventoryReady"], stale: ["warn", "inventoryStale"], missing: ["bad", "inventoryMissing"] }[components.inventory[now.instance]];
  const age = span(inventory.age_seconds ?? 0);
  const result = inventory.last_sweep?.result;
  byId("states").replaceChildren(
    chip(kept[0], text(kept[1], { age })), chip(redis[0], text(redis[1])),
    components.draining ? chip("warn", text("draining")) : "",
    result === "held" ? chip("warn", text("sweepHeld")) : "",
    result === "failed" ? chip("bad", text("sweepFailed")) : "",
    inventory.unreadable ? chip("warn", unreadable(inventory)) : "",
  );
}

/** How many rows of CCC's list were set aside, and which, masked, with the reasons. */
function unreadable({ unreadable: count, unreadable_examples: examples }) {
  const rows = examples.map((each) => `${each.number} ${each.reason}`.trim()).join(", ");
  return text("unreadable", { count, rows });
}

function drawChoices(overview) {
  const groups = overview.skill_group_ids;
  byId("groups").replaceChildren(...groups.map((value) => make("option", { value })));
  const field = byId("try").elements.skill_group_ids;
  if (!field.value && !field.dataset.touched && groups.length) field.value = groups[0];
  const provinces = overview.provinces.map((each) => each.province).filter(Boolean).sort();
  if (now.province && !provinces.includes(now.province)) provinces.push(now.province);
  const select = byId("filter").elements.province;
  options(select, [["", text("all")], ...provinces.map((each) => [each, provinceName(each)])]);
  select.value = now.province;
}

/** What is said in choices, which stay as they are while the language changes. */
function sayChoices() {
  const filter = byId("filter").elements;
  const all = ["", text("all")];
  options(filter.usage, [all, ...["Outbound", "Bidirection", "Inbound"].map((each) => [each, text(each)])]);
  options(filter.active, [all, ["true", text("yes")], ["false", text("no")]]);
  const levels = ["city", "area_code", "province", "near", "any"].map((each) => [each, text(`matches.${each}`)]);
  options(byId("try").elements.min_match, [["", text("notLimited")], ...levels]);
  options(byId("confirm").querySelector("select"), PARK_SECONDS.map((each) => [String(each), span(each)]));
}

/** Show something else, at once. */
function change(what) {
  Object.assign(now, what);
  if (now.answers) draw();
  return refresh();
}

function chooseProvince(province) {
  change({ province, numbersPage: 1, parkedPage: 1 });
}

/** Ask whether a number is to be parked, or unparked, and do it. */
function askToPark(kind, number, table) {
  const dialog = byId("confirm");
  const form = dialog.querySelector("form");
  const capital = kind === "park" ? "Park" : "Unpark";
  byId("confirm-title").textContent = text(`confirm${capital}`, { number });
  dialog.querySelector(".about").textContent = text(`about${capital}`);
  dialog.querySelector(".park").hidden = kind !== "park";
  dialog.querySelector(".primary").textContent = text(kind);
  dialog.querySelector(".refused").textContent = "";
  dialog.querySelector(".cancel").onclick = () => dialog.close();
  // The table may have been drawn anew meanwhile: the focus goes to the number, not to its old button.
  dialog.onclose = () => byId(table).querySelector(`[data-key="${CSS.escape(number)}"]`)?.focus();
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await park(kind, number, form.elements);
      dialog.close();
      tell(text(`did${capital}`, { number }));
      await refresh();
    } catch (error) {
      dialog.querySelector(".refused").textContent = error.message;
    }
  };
  dialog.showModal();
  if (kind === "unpark") dialog.querySelector(".primary").focus();
}

function park(kind, number, fields) {
  const path = query(`/v1/numbers/${encodeURIComponent(number)}/park`, { instance_id: now.instance });
  if (kind === "unpark") return ask(path, { method: "DELETE" });
  return ask(path, { method: "PUT", body: { seconds: Number(fields.seconds.value), reason: fields.reason.value } });
}

async function tryPick(event) {
  event.preventDefault();
  const form = event.target;
  byId("trial").replaceChildren(make("p", {}, text("trying")));
  try {
    now.trial = await ask("/v1/console/try", { method: "POST", body: trialRequest(form, now.instance) });
    drawTrial(now.trial);
  } catch (error) {
    now.trial = null;
    drawTrialRefusal(error);
  }
}

async function planCoverage(event) {
  event.preventDefault();
  byId("coverage").replaceChildren(make("p", {}, text("planning")));
  try {
    const { buy } = event.target.elements;
    now.coverage = await ask(query("/v1/coverage", { instance_id: now.instance, buy: buy.value }));
    drawCoverage(now.coverage);
  } catch (error) {
    now.coverage = null;
    byId("coverage").replaceChildren(make("p", { className: "verdict bad" }, error.message));
  }
}

async function askExperiment() {
  try {
    now.experiment = await ask(query("/v1/experiment", { instance_id: now.instance }));
    drawExperiment(now.experiment);
  } catch (error) {
    now.experiment = null;
    byId("experiment").replaceChildren(make("p", { className: "verdict bad" }, error.message));
  }
}

function say() {
  sayEverything();
  sayChoices();
  byId("pause").setAttribute("aria-pressed", String(now.paused));
  if (now.answers) draw();
  if (now.trial) drawTrial(now.trial);
  if (now.coverage) drawCoverage(now.coverage);
  if (now.experiment) drawExperiment(now.experiment);
}

byId("language").onclick = () => { switchLanguage(); say(); };
byId("leave").onclick = signOut;
byId("pause").onclick = () => { now.paused = !now.paused; say(); refresh(); };
byId("instance").onchange = (event) => change({ instance: event.target.value, province: "", reason: "", numbersPage: 1, parkedPage: 1, answers: null });
byId("try").onsubmit = tryPick;
byId("plan").onsubmit = planCoverage;
byId("ask-experiment").onclick = askExperiment;
byId("try").elements.skill_group_ids.oninput = (event) => { event.target.dataset.touched = "yes"; };
byId("filter").onsubmit = (event) => {
  event.preventDefault();
  const { province, ...filter } = Object.fromEntries(new FormData(event.target));
  change({ filter, province, numbersPage: 1, parkedPage: 1 });
};
document.onvisibilitychange = () => (document.hidden ? clearTimeout(timer) : now.paused || refresh());
say();
refresh();
