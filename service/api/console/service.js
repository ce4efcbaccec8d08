"use strict";
// Asking the service. Each request carries the token, which this tab keeps and nobody else.

const TOKEN = "callerid.token";

class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || "");
    this.status = status;
    this.code = problem.code || String(status);
    this.problem = problem;
  }
}

/** Why something was not done, in words: those of the service where it answered. */
function said(error) {
  if (error instanceof Refused) return text("failed", { code: text(error.code), detail: error.message });
  return text("unreachable", { detail: error.message });
}

function query(path, fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The answer to a request; `body` is sent as JSON. A refusal, or silence, is thrown. */
async function send(path, { method = "GET", body, anyStatus = false } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(60000),
  });
  if (response.ok || anyStatus) return response;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

async function ask(path, options) {
  return (await send(path, options)).json();
}

/** The same of the instance that is looked at. */
function askOwn(path, fields = {}, options = {}) {
  return ask(query(path, { instance_id: now.instance, ...fields }), options);
}

/** An answer that there is once there is an inventory, else null. */
function onceThere(answer) {
  return answer.catch((error) => {
    if (error.code === "InventoryUnavailable") return null;
    throw error;
  });
}

/** Have the browser save an answer as a file. */
async function download(path, name) {
  const url = URL.createObjectURL(await (await send(path)).blob());
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

let entering = null;

/** Ask a person for a token, once at a time; resolves once one was given. */
function signIn(refusal) {
  entering ||= askForToken(refusal).finally(() => { entering = null; });
  return entering;
}

function askForToken(refusal) {
  const dialog = byId("sign-in");
  const form = dialog.querySelector("form");
  const had = sessionStorage.getItem(TOKEN);
  dialog.querySelector(".refused").textContent = had || refusal.status === 403 ? text(refusal.code) : "";
  dialog.oncancel = (event) => event.preventDefault();
  dialog.showModal();
  return new Promise((entered) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      // A header takes bytes: what is not ASCII goes as its UTF-8, which is how it is configured.
      const bytes = new TextEncoder().encode(form.elements.token.value.trim());
      sessionStorage.setItem(TOKEN, String.fromCharCode(...bytes));
      form.reset();
      dialog.close();
      entered();
    };
  });
}

function signOut() {
  sessionStorage.removeItem(TOKEN);
  location.reload();
}
