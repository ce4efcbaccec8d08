"use strict";
// Which numbers to buy where, which are idle, and what runs out tomorrow: asked for, never by itself.

const GROUP_AND_PLACE = [["skillGroup", (one) => one.skill_group_id], ["place", place]];
const TO_BUY = [
  ...GROUP_AND_PLACE,
  ["toBuy", (one) => amount(one.count)],
  ["gain", (one) => amount(Math.round(one.gain))],
  ["instead", (one) => byLevel(one.instead) || text("refusals")],
];
const IDLE = [...GROUP_AND_PLACE, ["idleCount", (one) => amount(one.count)]];
const SPENT = [...GROUP_AND_PLACE, ["spentAt", (one) => instant(one.at)]];

function planCoverage({ buy }) {
  return showAnswer("coverage", () => askOwn("/v1/coverage", { buy }), drawCoverage);
}

function drawCoverage(coverage) {
  if (!coverage.days) return hint(text("noDemand"));
  return [
    make("p", {}, text("foretold", { days: coverage.days, calls: byLevel(coverage.foretold) })),
    coverage.ratio === null ? "" : make("p", {}, text("realised", { share: percent(coverage.ratio) })),
    firstRows(text("buyTitle"), TO_BUY, coverage.buy),
    firstRows(text("idleTitle"), IDLE, coverage.idle),
    firstRows(text("spentTitle"), SPENT, coverage.exhausted),
  ];
}

function byLevel(calls) {
  const served = Object.entries(calls).filter(([, count]) => count >= 0.5);
  return listed(served.map(([level, count]) => `${text(`matches.${level}`)} ${amount(Math.round(count))}`));
}
