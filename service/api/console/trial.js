"use strict";
// Trying a pick: what it would answer, where it looked, and why each candidate was taken or not.

function words(list) {
  return list.split(/[,，\s]+/).filter(Boolean);
}

function trialRequest(form, instance) {
  const given = Object.fromEntries(new FormData(form));
  return {
    called_number: given.called_number, instance_id: instance, skill_group_ids: words(given.skill_group_ids),
    agent_id: given.agent_id.trim(), count: Number(given.count), min_match: given.min_match,
  };
}

function drawTrial(trial) {
  const { callee } = trial;
  const where = [place(callee), callee.area_code ? text("areaCode", { code: callee.area_code }) : "", callee.country === "CN" ? "" : callee.country];
  const listed = Object.entries(trial.reasons);
  byId("trial").replaceChildren(
    verdict(trial),
    make("p", {}, text("callee", { number: callee.number, place: where.filter(Boolean).join(" · ") })),
    trial.arm ? make("p", { className: "hint" }, text("inArm", { arm: text(`arms.${trial.arm}`) })) : "",
    trial.asks_ccc ? make("p", { className: "hint" }, text("trialAsksCcc")) : "",
    make("h3", { className: "hint" }, text("levels")),
    make("ol", { className: "steps" }, ...trial.levels.map((level) => step(level, trial.data))),
    listed.length ? make("p", {}, `${text("passedOver")}: ${reasonList(trial.reasons)}`) : "",
    trial.explanation.length ? make("h3", { className: "hint" }, text("candidates")) : "",
    trial.explanation.length ? scrolling(candidateTable(trial.explanation), text("candidates")) : "",
  );
}

function verdict(trial) {
  if (!trial.data.length) return make("p", { className: "verdict bad" }, text("trialNone", { why: text(trial.code) }), below(trial.detail));
  const [first, ...rest] = trial.data;
  const told = text("trialShown", {
    number: first.caller.number, place: place(first.caller),
    match: text(`matches.${first.match}`), source: text(`sources.${trial.source}`),
  });
  return make("p", { className: "verdict" }, told, rest.length ? ` ${text("trialMore", { count: rest.length })}` : "");
}

function step(level, data) {
  const chosen = data.filter((one) => one.match === level.level).length;
  const pools = Object.entries(level.pools);
  const found = pools.length
    ? pools.map(([pool, size]) => make("span", { className: "pool" }, `${pool} · ${text("poolSize", { count: amount(size) })}`))
    : [make("span", { className: "pool" }, text(level.place ? "noPool" : "noPlace"))];
  const out = Object.keys(level.parked).length
    ? [make("span", { className: "pool" }, text("parkedHere", { reasons: reasonList(level.parked), counted: amount(level.counted) }))]
    : [];
  const name = [text(`matches.${level.level}`), level.place === "*" ? "" : level.place].filter(Boolean).join(" · ");
  return make("li", { className: chosen ? "hit" : "" }, name, chosen ? ` — ${text("chosenHere", { count: chosen })}` : "", ...found, ...out);
}

function scrolling(table, label) {
  return make("div", { className: "scroll", tabIndex: 0, role: "group", aria: { label } }, table);
}

function drawTrialRefusal(error) {
  byId("trial").replaceChildren(make("p", { className: "verdict bad" }, error.message));
}
