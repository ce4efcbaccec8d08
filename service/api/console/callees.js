"use strict";
// Called numbers: why one is refused, stopping it and letting it again, and lists of them.

const STOP_SECONDS = [3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400];
const WINDOWS = [
  ["window", (one) => `${span(one.window_seconds)} · ${text(`windows.${one.kind}`)}`],
  ["usesOfLimit", (one) => use(one.uses, one.limit)],
  ["nextFree", (one) => (one.free_at ? instant(one.free_at, true) : text("atOnce"))],
];
const SHOWN = [
  ["number", (one) => one.number, "number"],
  ["shownAt", (one) => instant(one.at, true)],
  ["stickyUntil", (one) => (one.sticky_until ? instant(one.sticky_until) : "–")],
  ["cooldownUntil", (one) => (one.cooldown_until ? instant(one.cooldown_until) : "–")],
];
const UNREAD = [["number", (one) => one.number, "number"], ["why", (one) => one.why]];

function lookUp({ number }) {
  return showAnswer("callee-result", () => askOwn(`/v1/callees/${encodeURIComponent(number)}`), (callee) => drawCallee(number, callee));
}

function drawCallee(number, callee) {
  const { stop } = callee;
  return [
    make("p", { className: callee.refused_until ? "verdict bad" : "verdict" }, calleeVerdict(callee)),
    callee.opens_at ? make("p", { className: "bad" }, text("callsFrom", { time: instant(callee.opens_at) })) : "",
    stop ? make("p", {}, chip("bad", text("stopped")), " ", endAndWords(stop.until, stop.by, stop.reason)) : "",
    make("div", { className: "actions" },
      button(text(stop ? "stopAnew" : "stopIt"), () => askToStopOne(number, callee)),
      stop ? button(text("letIt"), () => askToLet(number, callee)) : ""),
    make("h3", {}, text("usesTitle")), newTable(text("usesTitle"), WINDOWS, callee.windows, text("noRules")),
    make("h3", {}, text("shownTitle")), newTable(text("shownTitle"), SHOWN, callee.shown, text("nothingShown")),
  ];
}

function calleeVerdict(callee) {
  const who = { number: callee.number, place: place(callee) };
  if (!callee.refused_until) return text("calleeFree", who);
  return text("calleeRefused", { ...who, time: instant(callee.refused_until, true) });
}

function stopFields() {
  const seconds = options(make("select", { name: "seconds" }), STOP_SECONDS.map((each) => [String(each), span(each)]));
  return [labelled("stopFor", seconds), labelled("parkWhy", make("input", { name: "reason", maxLength: 200 }))];
}

function askToStopOne(number, callee) {
  askFirst({
    title: text("confirmStop", { number: callee.number }), about: text("aboutStop"), verb: text("stopIt"), fields: stopFields(),
    act: (given) => changeStop(number, { method: "PUT", body: { seconds: Number(given.seconds), reason: given.reason } }),
  });
}

function askToLet(number, callee) {
  askFirst({
    title: text("confirmLet", { number: callee.number }), about: text("aboutLet"), verb: text("letIt"),
    act: () => changeStop(number, { method: "DELETE" }),
  });
}

async function changeStop(number, options) {
  const callee = await askOwn(`/v1/callees/${encodeURIComponent(number)}/stop`, {}, options);
  show("callee-result", () => drawCallee(number, callee));
  tell(text(callee.stop ? "stopDid" : "letDid", { number: callee.number }));
}

/** Ask whether all of a list are to be stopped, or let again. */
function askAboutList(verb, list) {
  const numbers = numbersIn(list);
  if (!numbers.length || numbers.length > MOST_AT_ONCE) return tell(text(numbers.length ? "tooMany" : "noneGiven"));
  const isStop = verb === "stop";
  askFirst({
    title: text(isStop ? "confirmStop" : "confirmLet", { number: text("theseMany", { count: amount(numbers.length) }) }),
    about: text(isStop ? "aboutStop" : "aboutLet"), verb: text(isStop ? "stopIt" : "letIt"), fields: isStop ? stopFields() : [],
    act: async ({ seconds, reason }) => {
      const body = { instance_id: now.instance, numbers, ...(isStop && { seconds: Number(seconds), reason }) };
      const { data } = await ask(`/v1/callees/${verb}`, { method: "POST", body });
      show("stopped-many", () => drawStops(data));
      tell(listed(countResults(data)));
    },
  });
}

function drawStops(data) {
  const unread = data.filter(({ result }) => result === "unreadable");
  return [make("p", { className: "verdict" }, listed(countResults(data))), unread.length ? firstRows(text("unread"), UNREAD, unread) : ""];
}
