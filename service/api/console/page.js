"use strict";
// The page as a whole: what is shown now, when it is asked for again, and what a person does.

const REFRESH_MS = 5000;
const COUNTED_MS = 1500; // after which what was done is in the overview, too
const AT_MOST_A_TWENTIETH = 20; // of the time is spent asking, however slow the answers are

const now = {
  view: "overview", instance: "", instances: [], province: "", filter: {}, page: 1, ticked: new Set(),
  answers: null, picks: new Map(), paused: false,
};
// What each view asks for by itself, beside what all of them show, and what draws it.
const VIEWS = {
  overview: { ask: async () => ({ picks: await ask("/v1/console/picks") }), draw: drawOverview },
  numbers: { ask: async () => ({ numbers: await onceThere(askNumbers()) }), draw: drawNumbers },
  callees: { ask: async () => ({}), draw: () => {} },
  reports: { ask: async () => ({}), draw: beginReport },
};
let asked = 0;
let timer = 0;

/** What all views show. */
async function askCommon() {
  const [ready, inventory, overview] = await Promise.all([
    ask("/readyz", { anyStatus: true }),
    ask("/v1/inventory"),
    onceThere(askOwn("/v1/console/overview")),
  ]);
  return { ready, inventory, overview: overview || { provinces: [], skill_group_ids: [] } };
}

/**
 * Ask for everything and show it, and again after a pause. What was asked before somebody chose
 * otherwise is dropped.
 */
async function refresh(rest = REFRESH_MS) {
  clearTimeout(timer);
  const mine = ++asked;
  const started = performance.now();
  try {
    if (!now.instances.length) await findInstances();
    const [view, common] = [now.view, askCommon()];
    common.catch(() => {}); // it is awaited below, unless this is dropped
    const shown = { ...(await VIEWS[view].ask()), view };
    if (mine !== asked) return;
    if (now.answers) take(shown); // a view does not wait for all numbers to be counted anew
    const answers = await common;
    if (mine !== asked) return;
    take({ ...answers, ...shown, at: Date.now() });
    problem("");
  } catch (error) {
    if (mine !== asked) return;
    if (await handled(error)) return refresh();
  }
  const pause = Math.max(rest, AT_MOST_A_TWENTIETH * (performance.now() - started));
  if (mine === asked && !now.paused && !document.hidden) timer = setTimeout(refresh, pause);
}

function take(answers) {
  now.answers = { ...now.answers, ...answers };
  if (answers.picks) remember(answers.picks.data);
  draw();
}

/** Whether a token was given that makes it worth asking again; anything else is told. */
async function handled(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
    await signIn(error);
    return true;
  }
  problem(said(error));
  return false;
}

async function findInstances() {
  const inventory = await ask("/v1/inventory");
  now.instances = inventory.data.map((each) => each.instance_id);
  now.instance ||= now.instances[0];
  options(byId("instance"), now.instances.map((each) => [each, each]));
  byId("instance").closest("label").hidden = now.instances.length === 1;
}

function problem(words) {
  byId("problem").hidden = !words;
  byId("problem").textContent = words;
}

function draw() {
  drawStates();
  drawMissing();
  drawFilter();
  if (now.answers.view === now.view) VIEWS[now.view].draw();
  byId("leave").hidden = !sessionStorage.getItem(TOKEN);
  byId("refreshed").textContent = text(now.paused ? "paused" : "refreshed", { time: instant(now.answers.at, true) });
}

function drawOverview() {
  const { overview, picks } = now.answers;
  drawSweep();
  drawFigures(overview.provinces);
  drawMap(overview.provinces, now.province, chooseProvince);
  drawProvince(overview.provinces, now.province);
  drawPicks([...now.picks.values()].filter((one) => one.instance_id === now.instance), picks.workers);
  const field = byId("try").elements.skill_group_ids;
  if (!field.value && !field.dataset.touched) field.value = overview.skill_group_ids[0] || "";
}

/** Show something else, at once. */
function change(what) {
  Object.assign(now, what);
  if (now.answers) draw();
  return refresh();
}

function chooseProvince(province) {
  now.province = province;
  drawOverview();
}

/** Show the view that the address names; what a person looks for is never in it. */
function turnTo(view) {
  now.view = view in VIEWS ? view : "overview";
  for (const each of document.querySelectorAll(".view")) each.hidden = each.id !== `view-${now.view}`;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${now.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function sayChoices() {
  const levels = ["city", "area_code", "province", "near", "any"].map((each) => [each, text(`matches.${each}`)]);
  options(byId("try").elements.min_match, [["", text("notLimited")], ...levels]);
  options(byId("report-form").elements.by, KINDS.map((each) => [each, text(`kinds.${each}`)]));
  options(byId("adding").elements.usage, USAGES.map((each) => [each, text(each)]));
}

function say() {
  sayEverything();
  sayChoices();
  byId("pause").setAttribute("aria-pressed", String(now.paused));
  if (now.answers) draw();
  showAgain();
}

function onSubmit(id, act) {
  byId(id).onsubmit = (event) => {
    event.preventDefault();
    act(Object.fromEntries(new FormData(event.target)));
  };
}

byId("language").onclick = () => { switchLanguage(); say(); };
byId("leave").onclick = signOut;
byId("pause").onclick = () => { now.paused = !now.paused; say(); refresh(); };
byId("instance").onchange = (event) => {
  now.ticked.clear();
  change({ instance: event.target.value, province: "", filter: {}, page: 1, answers: null });
};
byId("sweep").onclick = () => sweep(false);
byId("accept").onclick = askToAccept;
byId("everywhere").onclick = () => { chooseProvince(""); byId("map").querySelector("[tabindex='0']").focus(); };
byId("province-numbers").onclick = () => showNumbers({ province: now.province });
byId("try").elements.skill_group_ids.oninput = (event) => { event.target.dataset.touched = "yes"; };
byId("filter").onchange = (event) => event.target.tagName === "SELECT" && byId("filter").requestSubmit();
byId("clear-filter").onclick = () => showNumbers({});
byId("to-adding").onclick = () => byId("adding").elements.numbers.focus();
byId("tick-page").onclick = tickPage;
byId("untick").onclick = () => { now.ticked.clear(); drawTicks(); drawBulk(now.answers.numbers.total); byId("tick-page").focus(); };
byId("park-many").onclick = () => withMany(askToPark);
byId("unpark-many").onclick = () => withMany(askToLift);
readInto(byId("adding-file"), byId("adding").elements.numbers);
onSubmit("try", tryPick);
onSubmit("filter", filterBy);
onSubmit("adding", askToAdd);
onSubmit("look-up", lookUp);
readInto(byId("stops-file"), byId("stops").elements.numbers);
onSubmit("stops", ({ numbers }) => askAboutList("stop", numbers));
byId("let-many").onclick = () => askAboutList("unstop", byId("stops").elements.numbers.value);
onSubmit("report-form", askReport);
byId("report-form").onchange = chooseReport;
byId("report-csv").onclick = downloadReport;
onSubmit("plan", planCoverage);
byId("ask-experiment").onclick = askExperiment;
onhashchange = () => { turnTo(location.hash.slice(1)); refresh(); };
document.onvisibilitychange = () => (document.hidden ? clearTimeout(timer) : now.paused || refresh());
turnTo(location.hash.slice(1));
say();
refresh();
