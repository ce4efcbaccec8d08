"use strict";
// Small charts over days. Their figures stand in the table beside them; a pointer shows each day's.

const [WIDTH, HEIGHT] = [300, 60];

/** A chart: its title, the highest value, the first and the last day; what is drawn is in `marks`. */
function chart(title, days, top, marks) {
  const [first, last] = [days[0], days[days.length - 1]];
  return make(
    "figure", { className: "chart" },
    make("figcaption", {}, title, make("small", {}, ` ${text("highest", { value: top })}`)),
    drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}, ${first} – ${last}` }, marks),
    make("div", { className: "days", ariaHidden: "true" }, make("small", {}, day(first)), first === last ? "" : make("small", {}, day(last))),
  );
}

/** A bar for each day. */
function barChart(title, days, values) {
  const [top, step] = [Math.max(1, ...values), WIDTH / days.length];
  const bars = values.map((value, index) => marked(
    days[index], amount(value), index, step,
    drawing("rect", { x: index * step + step * 0.1, width: step * 0.8, y: HEIGHT * (1 - value / top), height: (HEIGHT * value) / top }),
  ));
  return chart(title, days, amount(top), bars);
}

/** A line over the days that have a share, with its interval around it. */
function shareChart(title, days, shares) {
  const step = WIDTH / days.length;
  const [x, y] = [(index) => step * (index + 0.5), (share) => HEIGHT * (1 - share / top)];
  const there = shares.map((share, index) => ({ ...share, index })).filter(({ share }) => share !== undefined);
  const top = Math.max(0.01, ...there.map(({ high }) => high));
  const line = there.map(({ index, share }) => `${x(index)},${y(share)}`).join(" ");
  const spans = there.map(({ index, share, low, high }) => marked(
    days[index], `${percent(share)} (${percent(low)} – ${percent(high)})`, index, step,
    drawing("line", { x1: x(index), x2: x(index), y1: y(low), y2: y(high) }),
  ));
  return chart(title, days, percent(top), [drawing("polyline", { points: line }), spans]);
}

/** A mark of a day with what a pointer shows there, over the chart's whole height. */
function marked(date, words, index, step, mark) {
  const ground = drawing("rect", { class: "ground", x: index * step, width: step, y: 0, height: HEIGHT });
  return drawing("g", {}, drawing("title", {}, `${date}: ${words}`), ground, mark);
}

/** The course of some values, without any words: the row beside it has them. */
function sparkline(values) {
  const top = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${index * step},${HEIGHT * (1 - value / top)}`).join(" ");
  return drawing("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, drawing("polyline", { points }));
}

function day(date) {
  return new Intl.DateTimeFormat(language, { month: "numeric", day: "numeric", timeZone: "UTC" }).format(new Date(date));
}
