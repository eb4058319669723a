// Sheets, posts without leaving the page, <confirm-button>, and the light or dark button.

import { randomId } from "./ids.js";

const cookie = (name) => document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";

// ---------------------------------------------------------------- toast

let toastTimer = 0;

export function toast(text, bad = false) {
  const output = document.querySelector(".toast");
  if (!output) return;
  clearTimeout(toastTimer);
  // An open sheet lies above everything else on the page.
  (document.querySelector("dialog[open]") ?? document.body).append(output);
  output.textContent = text;
  output.classList.toggle("is-bad", bad);
  output.hidden = false;
  toastTimer = setTimeout(() => (output.hidden = true), bad ? 8000 : 4000);
}

/** Beside what was just done: a button that takes it back, for as long as the server allows. */
function offerUndo({ undo, undo_s: seconds }, form) {
  const output = document.querySelector(".toast");
  if (!output) return;
  const button = Object.assign(document.createElement("button"), { className: "button", textContent: "Undo" });
  button.onclick = () => takeBack(undo).then(() => { form.ariaBusy = "false"; });
  output.append(" ", button);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (output.hidden = true), seconds * 1000);
}

async function takeBack(address) {
  const headers = { "X-CSRFToken": cookie("csrftoken"), Accept: "application/json" };
  try {
    const answer = await fetch(address, { method: "POST", headers });
    if (!answer.ok) throw await failure(answer);
    toast("Taken back");
    document.dispatchEvent(new Event("live:refresh"));
  } catch (error) {
    toast(error instanceof TypeError ? "Not taken back: no connection." : error.message, true);
  }
}

// ---------------------------------------------------------------- sheets

function openSheet(button) {
  const sheet = document.getElementById(button.dataset.sheet);
  if (!sheet) return;
  const form = sheet.querySelector("[data-sheet-form]");
  if (form && button.dataset.action) form.action = button.dataset.action;
  if (form?.elements.seen) Object.assign(form.elements.seen, { disabled: !("seen" in button.dataset), value: button.dataset.seen ?? "" });
  const title = sheet.querySelector("[data-sheet-title]");
  if (title) title.textContent = button.dataset.title ?? "";
  document.dispatchEvent(new CustomEvent("sheet:open", { detail: { sheet, opener: button } }));
  sheet.showModal();
  button.blur();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-sheet]");
  if (opener) openSheet(opener);
  const sheet = event.target.closest("dialog");
  if (!sheet || !(event.target.closest("[data-close]") || event.target.matches("dialog.sheet"))) return;
  event.preventDefault(); // on a page of its own "close" is a link
  sheet.close();
});

// ---------------------------------------------------------------- posts

async function failure(answer) {
  const body = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  return Object.assign(new Error(body.message || failureText(answer)), { status: answer.status, next: body.next });
}

function failureText(answer) {
  if (answer.status === 401) return "Not saved: you were signed out. Sign in and try again.";
  if (answer.status === 403) return "Not saved: your role may not do this, or you were signed out.";
  return "Not saved. Try again, or tell your engineer.";
}

export async function send(form, submitter) {
  const body = new FormData(form, submitter);
  form.dataset.requestId ||= randomId();
  body.set("request_id", form.dataset.requestId); // a repeated try is the same fact
  const headers = { "X-CSRFToken": cookie("csrftoken"), Accept: "application/json" };
  const answer = await fetch(form.action, { method: "POST", body, headers, redirect: "manual" });
  if (answer.type !== "opaqueredirect" && !answer.ok) throw await failure(answer);
  delete form.dataset.requestId;
  return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : null;
}

async function post(form, submitter) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  submitter?.setAttribute("aria-busy", "true");
  submitter?.blur();
  try {
    const done = await send(form, submitter);
    form.closest("dialog")?.close();
    form.dispatchEvent(new Event("posted", { bubbles: true }));
    form.elements.comment && (form.elements.comment.value = "");
    toast(form.dataset.post || done?.message || `Saved: ${submitter?.textContent.trim()}`);
    if (done?.undo) offerUndo(done, form);
    if (done?.go) location.assign(done.go);
    document.dispatchEvent(new Event("live:refresh"));
  } catch (error) {
    toast(error instanceof TypeError ? "Not saved: no connection. Try again." : error.message, true);
    // Somebody was faster: the page shows how it stands now, and the next try is another fact.
    if (error.status === 409) delete form.dataset.requestId;
    if (error.status) document.dispatchEvent(new Event("live:refresh"));
  } finally {
    // A second tap within a moment means the same thing.
    setTimeout(() => { form.ariaBusy = "false"; submitter?.removeAttribute("aria-busy"); }, 600);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-post], [data-sheet-form]")) return;
  event.preventDefault();
  post(form, event.submitter);
});

// ---------------------------------------------------------------- confirm

/** Asks before the button inside does its work: <confirm-button question="…" verb="Cancel the call">. */
class ConfirmButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this, { capture: true });
  }

  handleEvent(event) {
    const button = event.target.closest("button");
    if (!button || this.sure) return;
    event.preventDefault();
    event.stopPropagation();
    this.ask(button);
  }

  ask(button) {
    const dialog = document.createElement("dialog");
    dialog.className = "sheet is-small";
    const question = Object.assign(document.createElement("p"), { className: "sheet-note", textContent: this.getAttribute("question") });
    const yes = Object.assign(document.createElement("button"), { className: "button is-action", textContent: this.getAttribute("verb") });
    const no = Object.assign(document.createElement("button"), { className: "button", textContent: "Go back" });
    const list = Object.assign(document.createElement("div"), { className: "more-list" });
    list.append(yes, no);
    dialog.append(question, list);
    yes.onclick = () => { dialog.close(); this.sure = true; button.click(); this.sure = false; };
    no.onclick = () => dialog.close();
    dialog.onclose = () => dialog.remove();
    document.body.append(dialog);
    dialog.showModal();
  }
}

customElements.define("confirm-button", ConfirmButton);

// ---------------------------------------------------------------- light or dark

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-next]")) return;
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
});
