"use strict";
// The last picks of the service's workers, and how a pick's candidates are told of.

const PICKS_KEPT = 200;
const PICKS = [
  ["time", (pick) => [instant(pick.at, true), pick.dry_run ? below(text("dryRun")) : ""]],
  ["called", (pick) => [calledIn(pick).number, below(place(calledIn(pick)))]],
  ["caller", callerIn],
  ["match", (pick) => (pick.data.length ? text(`matches.${pick.data[0].match}`) : "–")],
  ["source", (pick) => (pick.source ? text(`sources.${pick.source}`) : "–")],
  ["skipped", (pick) => [reasonList(pick.rejected), explanation(pick)]],
];
const CANDIDATES = [
  ["number", (one) => one.number, "number"],
  ["level", (one) => text(`matches.${one.match}`)],
  ["turn", (one) => (one.turn > 0 ? amount(one.turn) : "–")],
  ["usedHour", (one) => amount(one.used_hour)],
  ["usedDay", (one) => amount(one.used_day)],
  ["verdict", candidateVerdict],
];

const opened = new Set(); // request ids of picks whose explanation is open

/** Each worker has its own picks: whichever answers, its picks join those known. */
function remember(picks) {
  for (const pick of picks) now.picks.set(`${pick.request_id} ${pick.at}`, pick);
  const newest = [...now.picks].sort(([, one], [, other]) => (one.at < other.at ? 1 : -1));
  now.picks = new Map(newest.slice(0, PICKS_KEPT));
}

function drawPicks(picks, workers) {
  byId("picks-note").textContent = workers > 1 ? text("picksWorkers", { workers }) : text("picksNote");
  fillTable(byId("picks"), PICKS, picks, text("noPicks"));
}

function calledIn(pick) {
  return pick.data.length ? pick.data[0].callee : { number: pick.called_number, province: "", city: "" };
}

function callerIn(pick) {
  if (!pick.data.length) return chip("bad", text(pick.code));
  const { caller } = pick.data[0];
  return [caller.number, below(place(caller)), pick.data.length > 1 ? below(text("more", { count: pick.data.length })) : ""];
}

function reasonList(reasons) {
  return listed(Object.entries(reasons).map(([reason, count]) => `${text(`reason.${reason}`)} ${amount(count)}`));
}

function explanation(pick) {
  if (!pick.explanation.length) return "";
  const details = make(
    "details", { open: opened.has(pick.request_id) },
    make("summary", { data: { key: pick.request_id } }, text("explanation", { count: pick.explanation.length })),
    newTable(text("candidates"), CANDIDATES, pick.explanation),
  );
  details.ontoggle = () => (details.open ? opened.add(pick.request_id) : opened.delete(pick.request_id));
  return details;
}

function candidateVerdict(one) {
  const verdict = one.reason ? chip("warn", text(`reason.${one.reason}`)) : chip("good", text("taken"));
  return [verdict, one.until ? below(text("until", { time: instant(one.until) })) : ""];
}
