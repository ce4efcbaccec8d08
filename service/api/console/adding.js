"use strict";
// Lists of numbers, pasted or from a file, and adding such a list to the instance.

const FATES = ["added", "failed", "in_use", "in_arrears", "unknown", "not_added", "pending"];

/** Have a file's text put into a text field when it is chosen. */
function readInto(file, area) {
  file.onchange = async () => {
    if (file.files.length) area.value = await file.files[0].text();
    file.value = "";
    area.focus();
  };
}

/** The numbers of a list: one a line, comments from # on, or set apart by commas. */
function numbersIn(list) {
  const lines = list.replace(/^\ufeff/, "").split(/\r?\n/).map((line) => line.replace(/#.*/, ""));
  return lines.flatMap((line) => line.split(/[,，;；\t]/)).map((each) => each.trim()).filter(Boolean);
}

function askToAdd({ usage, ...given }) {
  const numbers = numbersIn(given.numbers);
  const groups = words(given.skill_group_ids);
  const body = { instance_id: now.instance, numbers, usage, contact_flow_id: given.contact_flow_id.trim() };
  const path = groups.length ? "/v1/numbers/bulk" : "/v1/numbers";
  askFirst({
    title: text("confirmAdd", { numbers: howMany(numbers) }), verb: text("add"),
    about: text(groups.length ? "aboutBulk" : "aboutAdd", { usage: text(usage), groups: listed(groups) }),
    act: () => add(path, groups.length ? { ...body, skill_group_ids: groups } : body),
  });
}

async function add(path, body) {
  tell(text("adding"));
  await showAnswer("added", () => askPartly(path, body), (answer) => drawAddition(answer, body.numbers));
  await refresh();
}

/** The answer, or the refusal that says what became of each number. */
async function askPartly(path, body) {
  try {
    return await ask(path, { method: "POST", body });
  } catch (error) {
    if (error.code === "PartlyAdded") return { ...error.problem, refusal: said(error) };
    throw error;
  }
}

function drawAddition(answer, asked) {
  tell("");
  const fates = FATES.filter((fate) => answer[fate]?.length);
  const name = (one) => (typeof one === "string" ? one : asked[one.index]);
  return [
    answer.refusal ? make("p", { className: "verdict bad" }, answer.refusal) : "",
    make("ul", { className: "fates" }, fates.map((fate) => make(
      "li", {}, chip(["added", "pending"].includes(fate) ? "good" : "bad", `${text(`fates.${fate}`)} ${amount(answer[fate].length)}`),
      below(listed(answer[fate].slice(0, 50).map(name))),
    ))),
  ];
}
