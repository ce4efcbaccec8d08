"use strict";
// How the service and its inventory are, the sweep, and what to do where there is nothing to show.

const own = () => now.answers.inventory.data.find((each) => each.instance_id === now.instance);

function drawStates() {
  const { components } = now.answers.ready;
  const inventory = own();
  const redis = { up: ["good", "redisUp"], down: ["bad", "redisDown"], embedded: ["warn", "redisEmbedded"] }[components.redis];
  const kept = { ready: ["good", "inventoryReady"], stale: ["warn", "inventoryStale"], missing: ["bad", "inventoryMissing"] }[components.inventory[now.instance]];
  const { result } = inventory.last_sweep;
  byId("states").replaceChildren(...present([
    chip(kept[0], text(kept[1], { age: span(inventory.age_seconds ?? 0) }), "li"), chip(redis[0], text(redis[1]), "li"),
    components.draining ? chip("warn", text("draining"), "li") : "",
    result === "held" ? chip("warn", text("sweepHeld"), "li") : "",
    result === "failed" ? chip("bad", text("sweepFailed"), "li") : "",
  ]));
}

/** The last sweep in words, the service's own where it failed or was held back. */
function drawSweep() {
  const { last_sweep: last, unreadable, unreadable_examples: examples } = own();
  const rows = examples.map((each) => `${each.number} ${each.reason}`.trim()).join(", ");
  show("last-sweep", () => [
    make("p", { className: last.result === "failed" ? "bad" : "" }, sweepWords(last)),
    last.detail ? hint(last.detail) : "",
    unreadable ? hint(text("unreadable", { count: amount(unreadable), rows })) : "",
  ]);
  byId("accept").hidden = last.result !== "held";
}

function sweepWords(last) {
  const counts = Object.fromEntries(["total", "added", "removed", "held"].map((each) => [each, amount(last[each])]));
  const result = last.result === "held" && !last.total ? "empty" : last.result;
  return text(`sweeps.${result}`, { ...counts, time: instant(last.at * 1000, true), seconds: last.duration.toFixed(1) });
}

let isSweeping = false;

/** Sweep now, with `accept` believing a loss; returns once it is shown how it went. */
async function sweep(accept) {
  if (isSweeping) return;
  isSweeping = true;
  tell(text("sweeping"));
  try {
    const swept = await askOwn("/v1/inventory/refresh", { accept_shrink: accept || undefined }, { method: "POST" });
    tell(sweepWords(swept.data[0].last_sweep));
  } catch (error) {
    tell(said(error));
  } finally {
    isSweeping = false;
    await refresh();
  }
}

function askToAccept() {
  const { total } = own().last_sweep;
  askFirst({
    title: text("confirmAccept", { count: amount(total) }), about: text("aboutAccept"),
    verb: text("accept"), act: () => sweep(true),
  });
}

/** What there is not yet, and what to do about it; nothing where all is there. */
function drawMissing() {
  const missing = whatIsMissing(own(), now.answers.overview);
  byId("missing").hidden = missing === "";
  show("missing-words", () => (missing ? [make("p", { className: "verdict" }, text(`missing.${missing}`)), make("p", {}, text(`advice.${missing}`))] : ""));
}

function whatIsMissing(inventory, overview) {
  if (inventory.generation === null) return { failed: "sweep", held: "numbers" }[inventory.last_sweep.result] || "yet";
  if (!inventory.numbers) return "numbers";
  if (!inventory.candidates) return "candidates";
  return overview && !overview.skill_group_ids.length ? "groups" : "";
}
