"use strict";
// Whether local numbers are answered more often: how the two arms of the holdout stand.

const ARMS = [
  ["arm", (one) => text(`arms.${one.arm}`)],
  ["callsEnded", (one) => amount(one.calls)],
  ["callsAnswered", (one) => amount(one.answered)],
  ["answeredShare", (one) => (one.calls ? percent(one.answered / one.calls) : "–")],
];

function askExperiment() {
  return showAnswer("experiment", () => askOwn("/v1/experiment"), drawExperiment);
}

function drawExperiment({ name, state: stage, arms, interval, difference, verdict: ahead }) {
  const stands = [name, text(`experimentStates.${stage}`)].filter(Boolean).join(" · ");
  const rows = ["local", "any"].map((arm) => ({ arm, ...arms[arm] }));
  return [
    make("p", { className: stage === "refused" ? "verdict bad" : "" }, stands),
    newTable(text("experiment"), ARMS, rows),
    interval === null
      ? hint(text("tooFewCalls"))
      : make("p", { className: "verdict" }, text("differs", { points: points(difference), low: points(interval[0]), high: points(interval[1]) }), ` ${text(`verdicts.${ahead}`)}`),
  ];
}

function points(value) {
  return `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
}
