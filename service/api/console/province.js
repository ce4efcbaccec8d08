"use strict";
// The figures of all provinces, and why one of them has no number that may be shown, and what to do.

function drawFigures(provinces) {
  const [numbers, candidates, available, used] = ["numbers", "candidates", "available", "used_day"].map((field) => sum(provinces, field));
  const isCapped = provinces.every((each) => each.max_per_day || !each.candidates) && candidates > 0;
  const quarantined = provinces.reduce((total, each) => total + (each.parked.quarantine || 0), 0);
  const cap = isCapped ? text("ofCap", { cap: short(sum(provinces, "max_per_day")) }) : text("noCap");
  const figure = (key, value, beside = "") =>
    make("div", {}, make("dt", {}, text(key)), make("dd", {}, amount(value), beside ? make("small", {}, ` ${beside}`) : ""));
  byId("figures").replaceChildren(
    figure("figureNumbers", numbers), figure("figureCandidates", candidates), figure("figureAvailable", available),
    figure("figureParked", candidates - available), figure("figureQuarantined", quarantined), figure("figureUsed", used, cap),
  );
}

/** How many numbers are out for each reason, over some provinces. */
function countReasons(provinces) {
  const counts = {};
  for (const { parked } of provinces)
    for (const [reason, count] of Object.entries(parked)) counts[reason] = (counts[reason] || 0) + count;
  return Object.entries(counts).sort(([, one], [, other]) => other - one);
}

/** What stands in the way in the chosen province, each with what to do about it. */
function drawProvince(provinces, province) {
  byId("province").hidden = !province;
  if (!province) return;
  const figures = provinces.find((each) => each.province === province) || NONE;
  byId("province-title").textContent = provinceName(province);
  byId("province-verdict").textContent = text(provinceVerdict(figures), {
    available: amount(figures.available), candidates: amount(figures.candidates), numbers: amount(figures.numbers),
  });
  byId("province-numbers").hidden = !figures.numbers;
  fill(byId("province-reasons"), obstacles(figures).map(([title, advice, state, count]) => make(
    "li", {}, chip(state === "quarantine" ? "bad" : "warn", `${title} ${amount(count)}`), below(advice),
    button(text("showThese"), () => showNumbers({ province, state }), { key: `state ${state}`, ariaLabel: `${text("showThese")}: ${title}` }),
  )));
}

function provinceVerdict({ numbers, candidates, available }) {
  if (!numbers) return "provinceNone";
  if (!candidates) return "provinceBarred";
  return available ? "provinceSome" : "provinceOut";
}

function obstacles({ numbers, candidates, parked }) {
  const parks = Object.entries(parked).sort(([, one], [, other]) => other - one);
  const known = parks.map(([reason, count]) => [text(`reason.${reason}`), text(`remedy.${reason}`), reason, count]);
  const barred = numbers - candidates;
  return barred ? [...known, [text("barred"), text("remedy.barred"), "", barred]] : known;
}
