"use strict";
// One dialog for whatever is asked before it is done.

/**
 * Ask a person; `act` does it with the form's values, and a refusal of it is shown and may be mended.
 *
 * `fields` are labelled controls; `verb` is on the button. The focus goes to the first field, or to
 * the button, and afterwards back to where it was.
 */
function askFirst({ title, about, fields = [], verb, act }) {
  const dialog = byId("dialog");
  const form = dialog.querySelector("form");
  const submit = dialog.querySelector(".primary");
  let isActing = false;
  const refused = dialog.querySelector(".refused");
  const opener = document.activeElement;
  byId("dialog-title").textContent = title;
  dialog.querySelector(".about").textContent = about;
  dialog.querySelector(".fields").replaceChildren(...present(fields));
  dialog.querySelector(".cancel").onclick = () => dialog.close();
  submit.textContent = verb;
  refused.textContent = "";
  // The page may have been drawn anew meanwhile: the focus goes to the same key, not the old element.
  dialog.onclose = () => (opener.isConnected ? opener : byKey(opener.dataset.key ?? ""))?.focus();
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (isActing) return;
    isActing = true;
    refused.textContent = "";
    try {
      await act(Object.fromEntries(new FormData(form)));
      dialog.close();
    } catch (error) {
      refused.textContent = said(error);
    } finally {
      isActing = false;
    }
  };
  dialog.showModal();
  (dialog.querySelector(".fields :is(input, select, textarea)") || submit).focus();
}

let telling = 0;

/** Tell of what was done, for a while, and to a screen reader. */
function tell(words) {
  clearTimeout(telling);
  byId("told").textContent = words;
  telling = setTimeout(() => { byId("told").textContent = ""; }, 10000);
}
