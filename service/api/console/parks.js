"use strict";
// Parking numbers and lifting what keeps them out, one or thousands.

const LIFTABLE = ["operator", "sip_rest", "sip_park", "provider", "quarantine"];
const MOST_AT_ONCE = 10000;
const PARK_SECONDS = [3600, 4 * 3600, 86400, 7 * 86400, 30 * 86400];

/** The buttons for many: of the ticked rows, or of all that the filter leaves. */
function drawBulk(total) {
  const count = now.ticked.size || total;
  const of = now.ticked.size ? "ticked" : "filtered";
  byId("bulk-count").textContent = text(of, { count: amount(count) });
  for (const verb of ["park", "unpark"]) {
    const many = byId(`${verb}-many`);
    many.textContent = text(`${verb}Many`, { count: amount(count) });
    many.disabled = count === 0 || count > MOST_AT_ONCE;
  }
  byId("bulk-limit").hidden = count <= MOST_AT_ONCE;
  byId("untick").hidden = now.ticked.size === 0;
}

/** Have `then` ask about the ticked numbers, or all that the filter leaves. */
async function withMany(then) {
  try {
    then(now.ticked.size ? [...now.ticked] : (await askOwn("/v1/console/matching", now.filter)).numbers);
  } catch (error) {
    tell(said(error));
  }
}

function howMany(numbers) {
  return numbers.length === 1 ? numbers[0] : text("theseMany", { count: amount(numbers.length) });
}

function askToPark(numbers) {
  const seconds = options(make("select", { name: "seconds" }), PARK_SECONDS.map((each) => [String(each), span(each)]));
  askFirst({
    title: text("confirmPark", { numbers: howMany(numbers) }), about: text("aboutPark"), verb: text("park"),
    fields: [labelled("parkFor", seconds), labelled("parkWhy", make("input", { name: "reason", maxLength: 200 }))],
    act: (given) => parkOrLift("park", numbers, { seconds: Number(given.seconds), reason: given.reason }),
  });
}

function askToLift(numbers, reasons = LIFTABLE) {
  const choices = reasons.length > 1 ? ["all", ...reasons] : reasons;
  const reason = options(make("select", { name: "reason" }), choices.map((each) => [each, text(`reason.${each}`)]));
  askFirst({
    title: text("confirmUnpark", { numbers: howMany(numbers) }), about: text("aboutUnpark"), verb: text("unpark"),
    fields: [labelled("liftWhat", reason)],
    act: (given) => parkOrLift("unpark", numbers, given),
  });
}

/** Do it, tell what came of it, and show the numbers as they are now. */
async function parkOrLift(verb, numbers, body) {
  if (numbers.length === 1) {
    const path = `/v1/numbers/${encodeURIComponent(numbers[0])}/park`;
    await (verb === "park"
      ? askOwn(path, {}, { method: "PUT", body })
      : askOwn(path, { reason: body.reason }, { method: "DELETE" }));
    tell(text(`${verb}Did`, { number: numbers[0] }));
  } else {
    const { data } = await ask(`/v1/numbers/${verb}`, { method: "POST", body: { instance_id: now.instance, numbers, ...body } });
    tell(listed(countResults(data)));
  }
  now.ticked.clear();
  await refresh(COUNTED_MS);
}

/** How many numbers of a list had each result, in words. */
function countResults(data) {
  const counts = {};
  for (const { result } of data) counts[result] = (counts[result] || 0) + 1;
  return Object.entries(counts).map(([result, count]) => `${text(`results.${result}`)} ${amount(count)}`);
}
