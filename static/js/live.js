// One socket per page. Tiles arrive as finished HTML; what does not arrive is fetched; what is old says so by itself.

import { randomId } from "./ids.js";
import { clock, clockError, duration, everySecond, now, sync } from "./time.js";

const LATE_S = 5;
const STALE_S = 15;
const WATCHDOG_S = 30;
const SILENCE_S = 10; // five missed beats: the socket is dead, whatever the browser thinks
const REFETCH_S = 30;
const POLL_S = 10; // without a socket the page asks by itself
const IDLE_S = 60;
const TELL_S = 30;
const HOLD_S = 10; // a tile with the keyboard in it waits this long, not longer: an old state must not look like a new one
const CLOCK_OFF_S = 5;
const CLICK_MS = 400; // on glass the click comes after the finger has left

const page = document.documentElement.dataset;
const heard = { at: performance.now(), database: null, reader: null, watchdog: undefined, lines: new Map() };
for (const place of document.querySelectorAll("[data-observed]")) heard.lines.set(place.dataset.line, Date.parse(place.dataset.observed));

const since = (moment) => (performance.now() - moment) / 1000;

// ---------------------------------------------------------------- tiles

class LiveTile extends HTMLElement {
  n = 0;
  freshAt = performance.now();
  waiting = null;
  held = 0;
  busy = false;

  get key() {
    return `${this.getAttribute("line") ?? ""}/${this.getAttribute("topic")}`;
  }

  receive({ n, html, etag }) {
    const gap = this.n && n > this.n + 1;
    this.n = n;
    this.freshAt = performance.now();
    if (etag) this.setAttribute("etag", etag);
    this.show(html);
    if (gap) this.refetch();
  }

  /** Ask for this tile's own address. At most one request at a time; "not modified" costs nothing. */
  async refetch() {
    if (this.busy || !this.getAttribute("src")) return;
    this.busy = true;
    const asked = this.n;
    try {
      const etag = this.getAttribute("etag");
      const answer = await fetch(this.getAttribute("src"), { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store", redirect: "manual" });
      noteRefused(isRefusal(answer));
      if (answer.status === 200 || answer.status === 304) this.answered(answer, asked, answer.status === 200 ? await answer.text() : null);
    } catch {
      // No connection: the page's own timer shows how old everything is.
    } finally {
      this.busy = false;
    }
  }

  answered(answer, asked, html) {
    noteHeard(answer.headers.get("X-Now"));
    noteObserved(this.getAttribute("line"), answer.headers.get("X-Observed-Until"));
    if (answer.headers.has("X-Watchdog")) noteWatchdog(answer.headers.get("X-Watchdog"));
    this.freshAt = performance.now();
    if (html === null || this.n !== asked) return;
    this.setAttribute("etag", answer.headers.get("ETag") ?? "");
    this.show(html);
  }

  show(html) {
    this.waiting = html;
    if (!this.isHeld()) this.replace();
  }

  /** A finger on it, the keyboard's focus in it, or an open dialog: not now. A button that was tapped keeps a focus that nobody uses. */
  isHeld() {
    const hold = finger?.tile === this || this.matches(":active") || this.querySelector(":focus-visible, dialog[open]");
    if (!hold) this.held = 0;
    else if (!this.held) this.held = performance.now();
    return Boolean(hold) && (since(this.held) < HOLD_S || Boolean(this.querySelector("dialog[open]")));
  }

  retry() {
    if (this.waiting !== null && !this.isHeld()) this.replace();
  }

  replace() {
    const html = this.waiting;
    this.waiting = null;
    this.held = 0;
    const controls = [...this.querySelectorAll("button, a, input")];
    const focused = controls.indexOf(document.activeElement);
    this.innerHTML = html;
    if (focused >= 0) this.querySelectorAll("button, a, input")[focused]?.focus();
    this.dispatchEvent(new CustomEvent("tile:changed", { bubbles: true }));
  }
}

const tiles = () => [...document.querySelectorAll("live-tile")];

// A touch makes nothing :active at first, and its click goes to what lies there in the end: that must be what was touched.
let finger = null;

function lift(lifted) {
  if (finger !== lifted) return; // the next tap has begun
  finger = null;
  for (const tile of tiles()) tile.retry();
}

function liftIn(ms) {
  const mine = finger;
  setTimeout(() => lift(mine), ms);
}

addEventListener("pointerdown", (event) => (finger = { tile: event.target.closest("live-tile") }), { capture: true, passive: true });
addEventListener("pointerup", () => liftIn(CLICK_MS), { capture: true, passive: true });
addEventListener("click", () => liftIn(0), { capture: true, passive: true });
addEventListener("pointercancel", () => lift(finger), { capture: true, passive: true });

function refetchAll() {
  // Spread out: many screens may be waking up together.
  for (const tile of tiles()) setTimeout(() => tile.refetch(), Math.random() * 500);
}

// ---------------------------------------------------------------- what the server last said

function noteHeard(serverNow) {
  heard.at = performance.now();
  if (serverNow) sync(serverNow);
}

function noteObserved(line, until) {
  if (line && until) heard.lines.set(line, Date.parse(until));
}

/** Null: no watchdog ever ran. Undefined, until the server has said: nobody knows yet. */
function noteWatchdog(at) {
  heard.watchdog = at ? Date.parse(at) : null;
}

function onBeat({ now: serverNow, version, database, plant, reader, watchdog, lines }) {
  attempt = 0; // a server that only opens the door and shuts it again is tried ever more rarely
  noteHeard(serverNow);
  noteWatchdog(watchdog);
  noteRefused(false);
  heard.database = Date.parse(database);
  heard.reader = reader ? Date.parse(reader) : null;
  for (const [line, { observed_until: until }] of Object.entries(lines)) noteObserved(line, until);
  newVersion = page.version && version !== page.version ? version : null;
  heard.plant ??= plant;
  if (plant !== heard.plant && document.querySelector("line-wall")) newVersion ??= `lines ${plant}`;
}

// ---------------------------------------------------------------- socket

let socket = null;
let attempt = 0;
let retryTimer = 0;
let beats = 0;
let openedAt = 0;

/** Tiles grouped so that each message names lines that want the same topics. */
function subscriptions() {
  const wanted = new Map();
  for (const tile of tiles()) {
    const line = tile.getAttribute("line") ?? "";
    wanted.set(line, [...(wanted.get(line) ?? []), tile.getAttribute("topic")]);
  }
  const grouped = new Map();
  for (const [line, topics] of wanted) {
    const key = [...new Set(topics)].sort().join(" ");
    grouped.set(key, [...(grouped.get(key) ?? []), line]);
  }
  return [...grouped].map(([topics, lines]) => ({ subscribe: { lines, topics: topics.split(" ") } }));
}

function connect() {
  clearTimeout(retryTimer);
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/`);
  socket = mine;
  mine.onopen = () => {
    openedAt = performance.now();
    for (const message of subscriptions()) mine.send(JSON.stringify(message));
    told = "";
    // The server sends every tile it has at once; whatever is still missing after that is fetched.
    setTimeout(() => tiles().filter((tile) => tile.freshAt < openedAt).forEach((tile) => tile.refetch()), 3000);
  };
  mine.onmessage = ({ data }) => onMessage(JSON.parse(data));
  mine.onclose = () => mine === socket && retryLater();
}

function onMessage(message) {
  heard.at = performance.now();
  if (message.beat) {
    onBeat(message.beat);
    beats += 1;
    if (beats % 5 === 0) socket.send(JSON.stringify({ alive: beats }));
    tellOfScreen();
  } else if (message.tile) {
    const key = `${message.line ?? ""}/${message.tile}`;
    for (const tile of tiles()) if (tile.key === key) tile.receive(message);
  }
}

// Somebody who is not in front of it must be able to see that a screen is dark or mute.
let told = "";
let toldAt = 0;

function tellOfScreen() {
  const sound = document.querySelector("sound-state")?.dataset.sound, id = sound && screenId();
  if (!id) return;
  const screen = { id, shows: document.title, address: location.pathname, sound, width: innerWidth, height: innerHeight };
  const words = JSON.stringify({ screen });
  if (words === told && since(toldAt) < TELL_S) return;
  told = words;
  toldAt = performance.now();
  socket.send(words);
}

/** The same for as long as this browser keeps anything; none where it keeps nothing. */
function screenId() {
  try {
    if (!localStorage.getItem("screen")) localStorage.setItem("screen", randomId());
    return localStorage.getItem("screen");
  } catch {
    return null;
  }
}

/** Full jitter between 0.5 and 15 s, for ever: screens that lost the server together do not come back together. */
function retryLater() {
  socket = null;
  const ceiling = Math.min(15000, 1000 * 2 ** attempt++);
  retryTimer = setTimeout(connect, 500 + Math.random() * (ceiling - 500));
}

function reconnectNow() {
  attempt = 0;
  if (!socket || socket.readyState > WebSocket.OPEN) connect();
}

addEventListener("online", reconnectNow);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  reconnectNow();
  refetchAll();
});
document.addEventListener("live:refresh", () => setTimeout(refetchAll, 700));
document.addEventListener("focusout", () => setTimeout(() => tiles().forEach((tile) => tile.retry()), 0));

function lookAfterSocket() {
  if (socket?.readyState === WebSocket.OPEN && since(heard.at) > SILENCE_S) {
    const dead = socket;
    retryLater();
    dead.close();
  }
  const limit = socket?.readyState === WebSocket.OPEN ? REFETCH_S : POLL_S;
  for (const tile of tiles()) {
    tile.retry();
    if (since(tile.freshAt) > limit) {
      tile.freshAt = performance.now() - Math.random() * 2000; // next try later, not every second
      tile.refetch();
    }
  }
}

// ---------------------------------------------------------------- how old it is

const freshness = (age) => (age <= LATE_S ? "live" : age <= STALE_S ? "late" : "stale");

/** Age in seconds of what is shown about a line; without a reading ever, and of the plant, of the last answer there was. */
function ageOf(line) {
  const observed = line ? heard.lines.get(line) : undefined;
  if (observed !== undefined) return Math.max(0, (now() - observed) / 1000);
  // A server whose database is away still speaks, but has nothing new to tell.
  return Math.max(since(heard.at), heard.database ? (now() - heard.database) / 1000 : 0);
}

function ageText(fresh, age) {
  if (fresh === "live") return "live";
  return fresh === "late" ? `${Math.floor(age)} s old` : `NO DATA since ${clock(now() - age * 1000)}`;
}

class DataAge extends HTMLElement {
  connectedCallback() {
    this.stop = everySecond(() => this.tick());
  }

  disconnectedCallback() {
    this.stop();
  }

  tick() {
    const age = ageOf(this.closest("[data-line]")?.dataset.line);
    const fresh = freshness(age);
    const text = ageText(fresh, age);
    this.dataset.fresh = fresh;
    if (this.textContent !== text) this.textContent = text;
  }
}

function markPlaces() {
  for (const place of document.querySelectorAll("[data-line]")) {
    const age = ageOf(place.dataset.line);
    const fresh = freshness(age);
    if (place.dataset.fresh !== fresh) place.dataset.fresh = fresh;
    if (fresh === "stale") place.querySelectorAll("[data-lost]").forEach((lost) => (lost.textContent = clock(now() - age * 1000)));
    const symbol = place.querySelector(".state-symbol use, .card-head use");
    const state = place.querySelector("[data-state]")?.dataset.state;
    if (symbol && state) symbol.setAttribute("href", `#state-${fresh === "stale" && state !== "off" ? "nodata" : state}`);
  }
}

// ---------------------------------------------------------------- which hop is broken

const offText = (seconds) => `${duration(Math.abs(seconds))} ${seconds > 0 ? "fast" : "slow"}`;

class LinkStrip extends HTMLElement {
  connectedCallback() {
    this.stop = everySecond(() => this.tick());
  }

  disconnectedCallback() {
    this.stop();
  }

  tick() {
    const silent = since(heard.at);
    this.mark("server", silent <= LATE_S, `no answer for ${Math.floor(silent)} s`);
    if (silent > LATE_S) return;
    const reader = heard.reader === null ? null : (now() - heard.reader) / 1000;
    this.mark("reader", reader === null || reader <= STALE_S, `silent for ${Math.floor(reader)} s`);
    const error = clockError();
    if (Math.abs(error) > CLOCK_OFF_S) this.note("server", `own clock ${offText(error)}`, "Plant time is shown, not the time of this screen's own clock.");
  }

  mark(hop, ok, text) {
    const item = this.querySelector(`[data-hop="${hop}"]`);
    if (!item) return;
    item.classList.toggle("is-broken", !ok);
    item.querySelector("use").setAttribute("href", ok ? "#sym-link" : "#sym-broken");
    this.note(hop, ok ? "" : text);
  }

  note(hop, text, title = "") {
    const item = this.querySelector(`[data-hop="${hop}"]`), words = item.querySelector(".hop-text");
    item.title = title;
    words.hidden = !text;
    words.textContent = text;
  }
}

/** Nobody looks whether calls move on. While the server is silent, nobody knows; the page says that already. */
class WatchdogLost extends HTMLElement {
  connectedCallback() {
    this.stop = everySecond(() => this.tick());
  }

  disconnectedCallback() {
    this.stop();
  }

  tick() {
    const age = heard.watchdog === undefined || since(heard.at) > SILENCE_S ? 0 : (now() - heard.watchdog) / 1000;
    this.hidden = age <= WATCHDOG_S;
    this.title = heard.watchdog ? `It has been silent since ${clock(heard.watchdog)}.` : "No watchdog runs.";
  }
}

// ---------------------------------------------------------------- signed out

export const isRefusal = (answer) => answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403;

/** A screen that nobody is signed in to any more shows what it last knew: it says so, and leads to the door. */
export function noteRefused(isRefused) {
  const shown = document.querySelector(".signed-out");
  if (isRefused === Boolean(shown)) return;
  if (shown) return shown.remove();
  const note = Object.assign(document.createElement("p"), { className: "signed-out" });
  note.setAttribute("role", "alert");
  const door = Object.assign(document.createElement("a"), { textContent: "Not signed in any more: nothing new is shown. Sign in" });
  door.href = `/login/?next=${encodeURIComponent(location.pathname + location.search)}`;
  note.append(door);
  document.body.append(note);
}

// ---------------------------------------------------------------- a new release

let newVersion = null;
let touchedAt = performance.now();
for (const kind of ["pointerdown", "keydown", "input"]) addEventListener(kind, () => (touchedAt = performance.now()), { passive: true });

/** Load the new release, or a wall with other lines, while nobody is looking; once each, in case two servers disagree. */
async function reloadWhenIdle() {
  if (!newVersion || since(heard.at) > LATE_S || since(touchedAt) < IDLE_S || document.querySelector("dialog[open]")) return;
  if (sessionStorage.getItem("reloaded-for") === newVersion) return;
  touchedAt = performance.now(); // a server that is not up yet is not asked every second
  const wanted = newVersion;
  if (!(await isServed())) return;
  sessionStorage.setItem("reloaded-for", wanted);
  location.reload();
}

/** Whether this page would come: a screen on a wall that has loaded a proxy's error page never comes back by itself. */
async function isServed() {
  try {
    const { status } = await fetch(location.href, { method: "HEAD", cache: "no-store", redirect: "manual" });
    return status > 0 && status < 500;
  } catch {
    return false;
  }
}

customElements.define("live-tile", LiveTile);
customElements.define("data-age", DataAge);
customElements.define("link-strip", LinkStrip);
customElements.define("watchdog-lost", WatchdogLost);
everySecond(markPlaces);
everySecond(lookAfterSocket);
everySecond(reloadWhenIdle);
document.addEventListener("tile:changed", markPlaces);
connect();
