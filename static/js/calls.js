// Pages about calls that are drawn for one person: drawn anew when a call moves, unless somebody is writing on them.

import { everySecond } from "./time.js";

const ASK_S = 20;
const SETTLE_MS = 250;
let shown = "";
let askedAt = performance.now();
let timer = 0;

const place = () => document.querySelector("[data-refresh]");

/** Words that are not sent, a list that is open, a finger or a dialog: drawing anew would take it away. */
function isInUse(area) {
  const written = [...area.querySelectorAll("input:not([type=hidden], [type=checkbox])")].some((field) => field.value);
  return written || area.matches(":active") || area.querySelector("details[open], [aria-busy=true]") || document.querySelector("dialog[open]");
}

async function refresh() {
  const area = place();
  if (!area || document.hidden) return;
  askedAt = performance.now();
  try {
    const answer = await fetch(area.dataset.refresh, { cache: "no-store", redirect: "manual" });
    if (answer.ok) draw(area, await answer.text());
  } catch {
    // No connection: the page says by its own clock how old it is.
  }
}

function draw(area, html) {
  const same = html.replace(/value="[^"]{36,}"/g, ""); // tokens are new each time
  if (same === shown || isInUse(area)) return;
  shown = same;
  const scrolled = area.scrollTop;
  area.innerHTML = html;
  area.scrollTop = scrolled;
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, SETTLE_MS);
}

document.addEventListener("tile:changed", ({ target }) => target.matches("[topic=marks]") && soon());
document.addEventListener("posted", ({ target }) => {
  target.closest("details")?.removeAttribute("open");
  if (target.closest("[data-refresh]")) target.reset();
  setTimeout(soon, 700);
});
everySecond(() => performance.now() - askedAt > ASK_S * 1000 && refresh());
