// Four tones, and whether they can be heard. Only pages with a <sound-state> sound: boards, and kiosks for their line.

import { clock, everySecond, now } from "./time.js";

// Pitch in Hz, start and length in seconds. Never a safety signal: sirens do that.
const TONES = {
  call: [[880, 0, 0.2], [1175, 0.24, 0.32]],
  escalated: [[1320, 0, 0.1], [1320, 0.17, 0.1], [1320, 0.34, 0.1]],
  reason: [[660, 0, 0.4]],
  sick: [[440, 0, 0.3], [349, 0.34, 0.3], [262, 0.68, 0.5]],
};
const SOFT = { reason: 0.4 };
const AGAIN_S = 15;
const SICK_AGAIN_S = 300;
const STEPS = [0.1, 0.2, 0.35, 0.5, 0.7, 1];

// ---------------------------------------------------------------- settings of this screen

const chosen = { day: 0.7, night: 0.2, muted: false, ...kept() };

/** What was chosen here before; a browser that keeps nothing, or something broken, sounds as usual. */
function kept() {
  try {
    return JSON.parse(localStorage.getItem("sound") ?? "{}");
  } catch {
    return {};
  }
}

function choose(changes) {
  Object.assign(chosen, changes);
  try {
    localStorage.setItem("sound", JSON.stringify(chosen));
  } catch {
    // It holds until the page is left.
  }
  show();
}

function isNight() {
  const hour = Number(clock(now()).slice(0, 2));
  return hour >= 22 || hour < 6;
}

// ---------------------------------------------------------------- the loudspeaker

let speaker = null;

/** Browsers keep a page silent until it is touched once; a kiosk's own settings may allow it before. */
function wake() {
  if (!document.querySelector("sound-state") || !window.AudioContext) return;
  speaker ??= Object.assign(new AudioContext(), { onstatechange: show });
  if (speaker.state === "suspended") speaker.resume().then(show, show);
}

const isBlocked = () => speaker?.state !== "running";
const isOff = () => chosen.muted || isBlocked();

function play(name) {
  if (isOff()) return;
  const volume = (isNight() ? chosen.night : chosen.day) * (SOFT[name] ?? 1);
  for (const [pitch, start, length] of TONES[name]) {
    const at = speaker.currentTime + start, tone = speaker.createOscillator(), gain = speaker.createGain();
    tone.frequency.value = pitch;
    tone.type = "triangle";
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.02);
    gain.gain.setValueAtTime(volume, at + length - 0.03);
    gain.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(gain).connect(speaker.destination);
    tone.start(at);
    tone.stop(at + length);
  }
  document.dispatchEvent(new CustomEvent("sound:played", { detail: name }));
}

// ---------------------------------------------------------------- what there is to hear

const levels = new Map(); // mark of an unanswered call → the level it was last heard at
let calledAt = -Infinity;
let askedFor = "";
let sickAt = -Infinity;

function unanswered() {
  const found = [...document.querySelectorAll("[data-unanswered]")].flatMap((place) => place.dataset.unanswered.split(" ").filter(Boolean));
  return found.map((one) => one.split(":")).map(([mark, level]) => [mark, Number(level)]);
}

function listen() {
  const seconds = performance.now() / 1000;
  const waiting = unanswered();
  const isNew = waiting.some(([mark]) => !levels.has(mark));
  const isHigher = waiting.some(([mark, level]) => level > (levels.get(mark) ?? 0));
  const marks = new Set(waiting.map(([mark]) => mark));
  for (const mark of levels.keys()) if (!marks.has(mark)) levels.delete(mark);
  for (const [mark, level] of waiting) levels.set(mark, level);
  if (waiting.length && (isNew || isHigher || seconds - calledAt >= AGAIN_S)) {
    calledAt = seconds;
    play(isHigher || (!isNew && waiting.some(([, level]) => level)) ? "escalated" : "call");
  }
  const prompt = document.querySelector("#prompt:not([hidden])");
  if (prompt?.dataset.stop && prompt.dataset.stop !== askedFor) {
    askedFor = prompt.dataset.stop;
    play("reason");
  }
  const isSick = document.querySelector("[data-hop].is-broken, .plant-board .board-age[data-fresh=stale], watchdog-lost:not([hidden])");
  if (!isSick) sickAt = -Infinity;
  else if (seconds - sickAt >= SICK_AGAIN_S) {
    sickAt = seconds;
    play("sick");
  }
}

// ---------------------------------------------------------------- the state, and the sheet behind it

/** The shift in which the sound was last tried out; a new shift tries it anew. */
const shiftName = () => document.querySelector(".top-shift")?.textContent.trim() ?? "";
const isTried = () => document.documentElement.classList.contains("is-board") || sessionStorage.getItem("sound-tried") === shiftName();

const use = (symbol) => `<svg class="symbol" aria-hidden="true"><use href="#${symbol}"/></svg>`;

class SoundState extends HTMLElement {
  connectedCallback() {
    this.innerHTML = '<button type="button" class="sound-button" data-sound-sheet><span class="sound-chip"></span></button>';
    show();
  }
}

function show() {
  const state = isOff() ? "off" : isTried() ? "on" : "untried";
  for (const place of document.querySelectorAll("sound-state")) {
    if (place.dataset.sound === state) continue;
    place.dataset.sound = state;
    const words = { off: "SOUND OFF", untried: "Test sound", on: '<span class="only-read">Sound on</span>' };
    place.querySelector(".sound-chip").innerHTML = `${use(state === "off" ? "sym-mute" : "sym-sound")}${words[state]}`;
  }
}

async function tryOut() {
  sessionStorage.setItem("sound-tried", shiftName());
  for (const name of Object.keys(TONES)) {
    play(name);
    await new Promise((done) => setTimeout(done, 1300));
  }
}

const percent = (volume) => `${Math.round(volume * 100)} %`;

function step(name, way) {
  const near = STEPS.reduce((best, one, index) => (Math.abs(one - chosen[name]) < Math.abs(STEPS[best] - chosen[name]) ? index : best), 0);
  choose({ [name]: STEPS[Math.min(Math.max(near + way, 0), STEPS.length - 1)] });
}

function volumeRow(name, label) {
  return `<div class="sound-row"><span>${label}</span><button type="button" class="button" data-louder="-1" data-of="${name}" aria-label="${label}: quieter">–</button><output data-volume="${name}"></output><button type="button" class="button" data-louder="1" data-of="${name}" aria-label="${label}: louder">+</button></div>`;
}

function sheet() {
  const found = document.getElementById("sound");
  if (found) return found;
  const dialog = Object.assign(document.createElement("dialog"), { id: "sound", className: "sheet is-small" });
  dialog.innerHTML = `<header class="sheet-head"><h2>Sound</h2><button type="button" class="button" data-close>Close</button></header>
    <p class="sheet-note" data-sound-words></p>
    <div class="more-list sound-list"><button type="button" class="button is-action" data-try>Play the four tones</button><button type="button" class="button" data-mute></button></div>
    ${volumeRow("day", "By day")}${volumeRow("night", "22:00 to 06:00")}`;
  document.body.append(dialog);
  return dialog;
}

function fill(dialog) {
  const words = isBlocked() ? "This browser does not let the page sound yet. Tap anywhere once; if it stays off, allow sound for this address in the browser." : "New call, escalated call, reason wanted, system in trouble.";
  dialog.querySelector("[data-sound-words]").textContent = words;
  dialog.querySelector("[data-mute]").textContent = chosen.muted ? "Sound on" : "Sound off on this screen";
  for (const output of dialog.querySelectorAll("[data-volume]")) output.textContent = percent(chosen[output.dataset.volume]);
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-sound-sheet]")) {
    document.getElementById("more")?.close();
    fill(sheet());
    sheet().showModal();
  } else if (target.closest("#sound")) {
    const louder = target.closest("[data-louder]");
    if (louder) step(louder.dataset.of, Number(louder.dataset.louder));
    if (louder) play("call");
    if (target.closest("[data-mute]")) choose({ muted: !chosen.muted });
    if (target.closest("[data-try]")) tryOut().then(show);
    fill(sheet());
  }
});

for (const touch of ["pointerup", "keydown"]) addEventListener(touch, wake, { passive: true });
wake();
customElements.define("sound-state", SoundState);
everySecond(listen);
everySecond(show);
document.addEventListener("tile:changed", listen);
