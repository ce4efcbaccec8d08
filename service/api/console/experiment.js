"use strict";
// Whether local numbers are answered more often: how the two arms of the holdout stand.

const ARMS = ["local", "any"];

function drawExperiment(experiment) {
  const { name, state, arms, interval, difference, verdict: ahead } = experiment;
  const table = make("table", {}, make("thead"), make("tbody"));
  const rows = ARMS.map((arm) => cells(text(`arms.${arm}`), amount(arms[arm].calls), amount(arms[arm].answered), share(arms[arm])));
  fillTable(table, ["arm", "callsEnded", "callsAnswered", "answeredShare"], rows);
  byId("experiment").replaceChildren(
    make("p", { className: state === "refused" ? "verdict bad" : "" }, [name, text(`experimentStates.${state}`)].filter(Boolean).join(" · ")),
    scrolling(table, text("experiment")),
    interval === null
      ? make("p", { className: "hint" }, text("tooFewCalls"))
      : make("p", { className: "verdict" }, text("differs", { points: points(difference), low: points(interval[0]), high: points(interval[1]) }), ` ${text(`verdicts.${ahead}`)}`),
  );
}

function share({ calls, answered }) {
  return calls ? `${((100 * answered) / calls).toFixed(1)} %` : "–";
}

function points(value) {
  return `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
}
