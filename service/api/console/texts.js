"use strict";
// Saying things in the language of the moment: texts, amounts, instants.

const TEXTS = { "zh-CN": CHINESE, en: ENGLISH };
const REMEMBERED = "callerid.language";

const spoken = navigator.languages.find((each) => /^(zh|en)/i.test(each)) || "en";
let language = localStorage.getItem(REMEMBERED) || (/^zh/i.test(spoken) ? "zh-CN" : "en");
if (!(language in TEXTS)) language = "en";

/** A text in the language of the moment; what has none is shown as it is. */
function text(key, values = {}) {
  const [group, name] = key.split(".");
  const found = name === undefined ? TEXTS[language][key] : TEXTS[language][group][name];
  if (found === undefined) return name ?? key;
  return found.replace(/\{(\w+)\}/g, (_, value) => values[value]);
}

function amount(value) {
  return new Intl.NumberFormat(language).format(value);
}

function short(value) {
  return value < 10000 ? String(value) : new Intl.NumberFormat(language, { notation: "compact" }).format(value);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** Words in a row, as the language sets them apart. */
function listed(parts) {
  return parts.join(language === "en" ? ", " : "，") || "–";
}

/** An instant: the time of day, the day where that is another one, and the year likewise. */
function instant(at, seconds = false) {
  const then = new Date(at);
  const time = { hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds && { second: "2-digit" }) };
  const today = new Date();
  const day = then.toDateString() === today.toDateString() ? {} : { month: "numeric", day: "numeric" };
  if (then.getFullYear() !== today.getFullYear()) day.year = "numeric";
  return new Intl.DateTimeFormat(language, { ...day, ...time }).format(then);
}

function span(seconds) {
  const [unit, size] = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]]
    .find(([, each]) => seconds >= each) || ["seconds", 1];
  return text(unit, { count: Math.floor(seconds / size) });
}

/** Say the fixed parts of the page in the language of the moment. */
function sayEverything() {
  document.documentElement.lang = language;
  document.title = text("title");
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", text(node.dataset.label));
  const other = document.getElementById("language");
  other.textContent = text("otherLanguage");
  other.lang = language === "en" ? "zh-CN" : "en";
}

function switchLanguage() {
  language = language === "en" ? "zh-CN" : "en";
  localStorage.setItem(REMEMBERED, language);
}
