"use strict";
// What was picked and how it was answered, by day and number, skill group, province or match.

const KINDS = ["skill_group", "province", "match", "number"];
const RESULTS = ["answered", "no_answer", "busy", "rejected", "blocked", "failed"];
const MOST_ROWS = 200;
const Z = 1.96; // of the 95 % interval by Wilson

function reportColumns(by) {
  return [
    [`kinds.${by}`, (one) => one.name, by === "number" ? "number" : ""],
    ["picked", (one) => amount(one.picks)],
    ["callsEnded", (one) => amount(one.ended)],
    ["answeredShare", (one) => (one.ended ? [percent(one.share), below(`${percent(one.low)} – ${percent(one.high)}`)] : "–")],
    ...RESULTS.map((result) => [`outcomes.${result}`, (one) => amount(one.outcomes[result])]),
    ["talkTime", (one) => talkTime(one.talk_ms)],
    ["course", (one) => sparkline(one.daily)],
  ];
}

function reportPath(given, fields = {}) {
  return query("/v1/report", { instance_id: now.instance, ...given, ...fields });
}

function askReport(given) {
  return showAnswer("report", () => reportOf(given), drawReport);
}

async function reportOf(given) {
  const report = await ask(reportPath(given));
  const { from, to } = byId("report-form").elements;
  from.value = report.from;
  to.value = report.to;
  return report;
}

async function downloadReport() {
  const given = Object.fromEntries(new FormData(byId("report-form")));
  try {
    await download(reportPath(given, { format: "csv" }), `report-${given.by}-${given.from}-${given.to}.csv`);
  } catch (error) {
    tell(said(error));
  }
}

function drawReport({ by, from, to, timezone, data }) {
  const days = daysBetween(from, to);
  const rows = summed(data, days, ({ key }) => key).sort((one, other) => other.picks - one.picks);
  if (!rows.length) return hint(text("nothingCounted"));
  for (const one of rows) one.name = reportKey(by, one.key);
  const [total] = summed(data, days, () => "");
  const perDay = new Map(summed(data, days, (one) => one.day).map((one) => [one.key, one]));
  const figures = {
    picks: amount(total.picks), ended: amount(total.ended), answered: amount(total.outcomes.answered),
    share: total.ended ? percent(total.share) : "–", talk: talkTime(total.talk_ms), timezone,
  };
  return [
    make("p", {}, text("reportTotal", figures)),
    make("div", { className: "charts" }, barChart(text("picked"), days, total.daily), shareChart(text("answeredShare"), days, days.map((each) => perDay.get(each) || {}))),
    firstRows(text(`kinds.${by}`), reportColumns(by), rows, MOST_ROWS),
  ];
}

/** The rows summed by a key of theirs, with the picks of each day, and the share answered. */
function summed(data, days, keyOf) {
  const sums = new Map();
  const place = new Map(days.map((each, index) => [each, index]));
  for (const one of data) {
    const key = keyOf(one);
    if (!sums.has(key)) sums.set(key, { key, picks: 0, ended: 0, talk_ms: 0, outcomes: Object.fromEntries(RESULTS.map((each) => [each, 0])), daily: days.map(() => 0) });
    const into = sums.get(key);
    into.picks += one.picks;
    into.talk_ms += one.talk_ms;
    into.daily[place.get(one.day)] += one.picks;
    for (const result of RESULTS) {
      into.outcomes[result] += one.outcomes[result];
      into.ended += one.outcomes[result];
    }
  }
  return [...sums.values()].map((one) => (one.ended ? { ...one, ...answeredShare(one.outcomes.answered, one.ended) } : one));
}

function answeredShare(answered, calls) {
  const share = answered / calls;
  const spread = 1 + Z ** 2 / calls;
  const middle = (share + Z ** 2 / (2 * calls)) / spread;
  const half = (Z / spread) * Math.sqrt((share * (1 - share)) / calls + Z ** 2 / (4 * calls ** 2));
  return { share, low: middle - half, high: middle + half };
}

function reportKey(by, key) {
  if (!key) return text("unknown");
  return { province: provinceName, match: (match) => text(`matches.${match}`) }[by]?.(key) ?? key;
}

function talkTime(ms) {
  const minutes = Math.round(ms / 60000);
  return minutes < 60 ? text("minutes", { count: minutes }) : `${text("hours", { count: amount(Math.floor(minutes / 60)) })} ${text("minutes", { count: minutes % 60 })}`;
}

function daysBetween(from, to) {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86400000) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** A report by itself when this is first looked at; days are the instance's, which the answer names. */
function beginReport() {
  if (!shownIn.has("report")) byId("report-form").requestSubmit();
}

/** Ask anew when something is chosen; numbers are many, so of them the last day comes first. */
function chooseReport(event) {
  const { from, to } = byId("report-form").elements;
  if (event.target.name === "by" && event.target.value === "number") from.value = to.value;
  byId("report-form").requestSubmit();
}
