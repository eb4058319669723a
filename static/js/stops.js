// Sheets that come from the server, the reasons by group, and the prompt that asks by itself.

import { send, toast } from "./forms.js";
import { everySecond, now } from "./time.js";

// ---------------------------------------------------------------- sheets from the server

const dialog = document.getElementById("loaded");
const body = () => document.querySelector("#loaded .sheet-body");
let asked = 0;
let hasChanged = false;

/** Show the sheet at this address; whoever asked last wins. */
async function load(address) {
  const mine = (asked += 1);
  try {
    const answer = await fetch(address, { headers: { "X-Sheet": "1" }, cache: "no-store" });
    if (mine !== asked) return;
    if (answer.redirected || answer.status === 401) return location.assign(address); // signed out: the page itself says so
    if (!answer.ok) throw new Error(answer.status === 404 ? "This is not there any more. Look at the list again." : "The sheet could not be opened. Try again.");
    show(address, await answer.text());
  } catch (error) {
    toast(error instanceof TypeError ? "No connection. Try again." : error.message, true);
  }
}

function show(address, html) {
  dialog.dataset.address = address;
  body().innerHTML = html;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-load]");
  if (!opener || !dialog || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  load(opener.dataset.load || opener.getAttribute("href"));
});

/** What a still list shows is old once something in a sheet was changed. */
dialog?.addEventListener("close", () => {
  asked += 1;
  body().replaceChildren();
  if (hasChanged && document.querySelector("[data-still]")) location.reload();
});

async function step(form, submitter) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  submitter?.setAttribute("aria-busy", "true");
  try {
    const done = await send(form, submitter);
    hasChanged = true;
    document.dispatchEvent(new Event("live:refresh"));
    const isOver = form.dataset.stepForm === "close" || !done?.next;
    const own = form.closest("dialog:not(#loaded)"); // a sheet of the page that leads to one from the server
    if (!dialog?.open && !own) return location.assign(done?.next ?? location.href);
    own?.close();
    if (isOver) dialog.close();
    else await load(done.next);
    toast(done?.message ?? "Saved");
  } catch (error) {
    toast(error instanceof TypeError ? "Not saved: no connection. Try again." : error.message, true);
    if (error.status === 409) delete form.dataset.requestId;
    // Somebody was faster, or it is gone: show how it stands now.
    if (error.next && dialog) {
      form.closest("dialog:not(#loaded)")?.close();
      load(error.next);
    } else if ([409, 410].includes(error.status) && dialog?.open) load(dialog.dataset.address.split("?")[0]);
  } finally {
    setTimeout(() => { form.ariaBusy = "false"; submitter?.removeAttribute("aria-busy"); }, 600);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-step-form]")) return;
  event.preventDefault();
  step(form, event.submitter);
});

// ---------------------------------------------------------------- reasons

/** A tile of a group shows the reasons of the group, in the same place. */
document.addEventListener("click", (event) => {
  const tile = event.target.closest("[data-group]");
  const choice = tile?.closest("[data-choice]");
  if (!choice) return;
  choice.dataset.chosen = tile.dataset.group;
  for (const group of choice.querySelectorAll("[data-of-group]")) group.classList.toggle("is-chosen", group.dataset.ofGroup === tile.dataset.group);
});

/** A reason that says nothing by itself asks for words before it is sent. */
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-needs-words]");
  const note = button?.form?.elements.comment;
  if (!note || note.value.trim().split(/\s+/).length >= 3) return;
  event.preventDefault();
  note.focus();
  toast(`“${button.textContent.trim()}”: say in three words what it was, then tap it again.`, true);
}, { capture: true });

/** The suggested reason of the stop stands first among the likely ones. */
function suggest(form, code) {
  form.querySelectorAll(".is-suggested").forEach((old) => old.remove());
  form.querySelectorAll("[data-likely] live-tile button").forEach((recent) => (recent.hidden = recent.value === code));
  const button = code && form.querySelector(`.reason[value="${CSS.escape(code)}"]`);
  if (!button) return;
  const first = Object.assign(document.createElement("button"), { className: "button choice-big is-action is-suggested", name: "reason", value: code, textContent: button.textContent });
  first.append(Object.assign(document.createElement("small"), { textContent: "suggested" }));
  form.querySelector("[data-likely]").prepend(first);
}

function allGroups(form) {
  const choice = form.querySelector("[data-choice]");
  delete choice.dataset.chosen;
  choice.querySelectorAll(".is-chosen").forEach((group) => group.classList.remove("is-chosen"));
}

document.addEventListener("sheet:open", ({ detail: { sheet, opener } }) => {
  const form = sheet.querySelector("[data-sheet-form]");
  if (!form?.querySelector("[data-likely]")) return;
  suggest(form, opener.dataset.suggest);
  allGroups(form);
});

// ---------------------------------------------------------------- the prompt

const prompt = document.getElementById("prompt");
const SKIPPED = "skipped-stop";

/** The state tile says which stop lacks its reason and from when on to ask; a skipped one is not asked about again. */
function askByItself() {
  const state = document.querySelector(".state[data-ask-at]");
  const other = state?.querySelector("[data-sheet=reasons]");
  const at = Date.parse(state?.dataset.askAt ?? "");
  const isDue = other && at <= now() && sessionStorage.getItem(SKIPPED) !== state.dataset.stop && !document.querySelector("dialog[open], .kiosk[data-fresh=stale]");
  if (!isDue) prompt.hidden = true;
  else if (prompt.hidden || prompt.dataset.stop !== state.dataset.stop) ask(state, other);
}

function ask(state, other) {
  const form = prompt.querySelector("form");
  prompt.dataset.stop = state.dataset.stop;
  form.action = other.dataset.action;
  form.elements.seen.disabled = false;
  form.elements.seen.value = other.dataset.seen;
  prompt.querySelector("since-time").setAttribute("datetime", state.dataset.since);
  prompt.querySelector("[data-sheet-title]").textContent = other.dataset.title;
  suggest(form, other.dataset.suggest);
  allGroups(form);
  prompt.hidden = false;
}

if (prompt) {
  everySecond(askByItself);
  document.addEventListener("tile:changed", askByItself);
  prompt.addEventListener("click", (event) => {
    if (!event.target.closest("[data-skip]")) return;
    sessionStorage.setItem(SKIPPED, prompt.dataset.stop);
    prompt.hidden = true;
  });
  document.addEventListener("posted", ({ target }) => {
    if (!prompt.contains(target)) return;
    sessionStorage.setItem(SKIPPED, prompt.dataset.stop);
    prompt.hidden = true;
  });
}
