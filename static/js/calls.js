// Pages about calls that are drawn for one person: drawn anew when a call moves, without taking away what somebody writes.

import { isRefusal, noteRefused } from "./live.js";
import { clock, everySecond, now } from "./time.js";

const ASK_S = 20;
const OLD_S = 2 * ASK_S; // two answers that did not come
const SETTLE_MS = 250;
const IDLE_S = 60; // a field somebody left the cursor in does not keep the page as it is for ever
let shown = "";
let askedAt = performance.now();
let drawnAt = performance.now();
let touchedAt = performance.now();
let timer = 0;

const place = () => document.querySelector("[data-refresh]");
const since = (moment) => (performance.now() - moment) / 1000;

for (const kind of ["pointerdown", "keydown", "input"]) addEventListener(kind, () => (touchedAt = performance.now()), { passive: true });

/** A finger, a cursor in a field, a form on its way or a dialog: drawing anew would take it away. */
function isInUse(area) {
  if (area.matches(":active") || area.querySelector("[aria-busy=true]") || document.querySelector("dialog[open]")) return true;
  return since(touchedAt) < IDLE_S && Boolean(area.querySelector("input:focus, select:focus"));
}

async function refresh() {
  const area = place();
  if (!area || document.hidden) return;
  askedAt = performance.now();
  try {
    const answer = await fetch(area.dataset.refresh, { cache: "no-store", redirect: "manual" });
    noteRefused(isRefusal(answer));
    if (answer.ok) draw(area, await answer.text());
  } catch {
    // No connection: the page says by its own clock how old it is.
  }
}

function draw(area, html) {
  if (isInUse(area)) return;
  drawnAt = performance.now();
  const same = html.replace(/value="[^"]{36,}"/g, ""); // tokens are new each time
  if (same === shown) return;
  shown = same;
  const scrolled = area.scrollTop, kept = keep(area);
  area.innerHTML = html;
  kept(area);
  area.scrollTop = scrolled;
}

/** What somebody has opened, written and ticked and not sent yet. Returns how to put it back into the page drawn anew. */
function keep(area) {
  const opened = [...area.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
  const written = [...area.querySelectorAll("input:is([type=text], [type=checkbox], :not([type]))")]
    .filter((one) => one.value !== one.defaultValue || one.checked !== one.defaultChecked)
    .map((one) => [nameOf(one), one.value, one.checked]);
  return (drawn) => {
    for (const summary of drawn.querySelectorAll("summary")) if (opened.includes(summary.textContent)) summary.parentElement.open = true;
    for (const field of drawn.querySelectorAll("input")) {
      const [, value, checked] = written.find(([name]) => name === nameOf(field)) ?? [];
      if (value !== undefined) Object.assign(field, { value, checked });
    }
  };
}

const nameOf = (field) => `${field.form?.action} ${field.name}`;

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, SETTLE_MS);
}

/** The clocks on the page go on by themselves, so an old page must say that it is one. */
function tellAge() {
  const area = place();
  if (area && since(askedAt) > ASK_S) refresh();
  const old = document.querySelector(".calls-old");
  if (old) old.hidden = !area || since(drawnAt) <= OLD_S;
  if (old && !old.hidden) old.textContent = `As it was at ${clock(now() - since(drawnAt) * 1000)}`;
}

document.addEventListener("tile:changed", ({ target }) => target.matches("[topic=marks]") && soon());
document.addEventListener("visibilitychange", soon);
document.addEventListener("posted", ({ target }) => {
  target.closest("details")?.removeAttribute("open");
  if (target.closest("[data-refresh]")) target.reset();
  setTimeout(soon, 700);
});
everySecond(tellAge);
