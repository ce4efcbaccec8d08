"use strict";
// Trying a pick: what it would answer, where it looked, and why each candidate was taken or not.

function words(list) {
  return list.split(/[,，;；\s]+/).filter(Boolean);
}

function tryPick(given) {
  const body = {
    ...given, instance_id: now.instance, skill_group_ids: words(given.skill_group_ids),
    agent_id: given.agent_id.trim(), count: Number(given.count),
  };
  return showAnswer("trial", () => ask("/v1/console/try", { method: "POST", body }), drawTrial);
}

function drawTrial(trial) {
  const { callee } = trial;
  const where = [place(callee), callee.area_code ? text("areaCode", { code: callee.area_code }) : "", callee.country === "CN" ? "" : callee.country];
  const passedOver = Object.keys(trial.reasons).length > 0;
  return [
    verdict(trial),
    make("p", {}, text("callee", { number: callee.number, place: where.filter(Boolean).join(" · ") })),
    trial.arm ? hint(text("inArm", { arm: text(`arms.${trial.arm}`) })) : "",
    trial.asks_ccc ? hint(text("trialAsksCcc")) : "",
    make("h3", {}, text("levels")),
    make("ol", { className: "steps" }, trial.levels.map((level) => step(level, trial.data))),
    passedOver ? make("p", {}, `${text("passedOver")}: ${reasonList(trial.reasons)}`) : "",
    trial.explanation.length ? [make("h3", {}, text("candidates")), newTable(text("candidates"), CANDIDATES, trial.explanation)] : "",
  ];
}

function verdict(trial) {
  if (!trial.data.length) return make("p", { className: "verdict bad" }, text("trialNone", { why: text(trial.code) }), below(trial.detail));
  const [first, ...rest] = trial.data;
  const shown = text("trialShown", {
    number: first.caller.number, place: place(first.caller),
    match: text(`matches.${first.match}`), source: text(`sources.${trial.source}`),
  });
  return make("p", { className: "verdict" }, shown, rest.length ? ` ${text("trialMore", { count: rest.length })}` : "");
}

function step(level, data) {
  const chosen = data.filter((one) => one.match === level.level).length;
  const pools = Object.entries(level.pools);
  const pool = (content) => make("span", { className: "pool" }, content);
  const found = pools.length
    ? pools.map(([name, size]) => pool(`${name} · ${text("poolSize", { count: amount(size) })}`))
    : pool(text(level.place ? "noPool" : "noPlace"));
  const out = Object.keys(level.parked).length
    ? pool(text("parkedHere", { reasons: reasonList(level.parked), counted: amount(level.counted) }))
    : "";
  const name = [text(`matches.${level.level}`), level.place === "*" ? "" : level.place].filter(Boolean).join(" · ");
  return make("li", { className: chosen ? "hit" : "" }, name, chosen ? ` — ${text("chosenHere", { count: chosen })}` : "", found, out);
}
