"use strict";
// Asking the service. Each request carries the token, which this tab keeps and nobody else.

const TOKEN = "callerid.token";

class Refused extends Error {
  constructor(status, problem) {
    super(text("failed", { code: text(problem.code || String(status)), detail: problem.detail || "" }));
    this.status = status;
    this.code = problem.code || "";
  }
}

function query(path, fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The JSON of an answer; `body` is sent as JSON. A refusal, or silence, is thrown. */
async function ask(path, { method = "GET", body, anyStatus = false } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(30000),
  });
  const told = await response.json().catch(() => ({}));
  if (response.ok || anyStatus) return told;
  throw new Refused(response.status, told);
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
