// The server's time, and how times are written. The local clock is never trusted: performance.now() only measures spans.

const samples = [];
const zone = document.documentElement.dataset.zone || "UTC";
const NARROW = "\u202f";

/** Learn the server's time from something it just said. The least delayed of the last messages counts. */
export function sync(iso) {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return;
  samples.push(at - performance.now());
  if (samples.length > 15) samples.shift();
}

/** Server time in milliseconds. */
export function now() {
  return samples.length ? Math.max(...samples) + performance.now() : Date.now();
}

/** How far this screen's own clock is off, in seconds. */
export function clockError() {
  return (Date.now() - now()) / 1000;
}

/** 04:12 below one hour, 1:08 h from there on; the same rule as the server's. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const two = (value) => String(value).padStart(2, "0");
  return minutes < 60 ? `${two(minutes)}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}${NARROW}h`;
}

/** In words, for times long gone: less than a minute, 42 min, 3 h 05 min, 2 days. */
export function words(seconds) {
  const minutes = Math.floor(Math.max(0, seconds) / 60);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes}${NARROW}min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}${NARROW}h ${String(minutes % 60).padStart(2, "0")}${NARROW}min` : `${Math.floor(hours / 24)} days`;
}

const formats = [false, true].map(
  (seconds) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" }),
);

/** Time of day by the plant's clock, whatever this screen thinks its zone is. */
export function clock(ms, seconds = false) {
  return formats[Number(seconds)].format(ms);
}

const listeners = new Set();

/** Call `listener` now and every second. Returns the function that stops it. */
export function everySecond(listener) {
  listeners.add(listener);
  listener();
  return () => listeners.delete(listener);
}

sync(document.documentElement.dataset.now);
setInterval(() => listeners.forEach((listener) => listener()), 1000);
