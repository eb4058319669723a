// <line-wall>: the line that needs somebody most stands first; more lines than fit turn into pages.

import { everySecond } from "./time.js";

const PER_PAGE = 6;
const PAGE_S = 12;

class LineWall extends HTMLElement {
  page = 0;
  turnedAt = performance.now();

  connectedCallback() {
    this.addEventListener("tile:changed", () => this.arrange());
    this.stop = everySecond(() => this.turn());
    this.arrange();
  }

  disconnectedCallback() {
    this.stop();
  }

  get places() {
    return [...this.querySelectorAll(".wall-place")];
  }

  get pages() {
    return matchMedia("(max-width: 700px), (orientation: portrait)").matches ? 1 : Math.max(1, Math.ceil(this.places.length / PER_PAGE));
  }

  arrange() {
    const need = (place) => Number(place.querySelector("[data-need]")?.dataset.need ?? 0);
    const places = this.places;
    const sorted = [...places].sort((a, b) => need(b) - need(a) || a.dataset.line.localeCompare(b.dataset.line));
    if (sorted.some((place, index) => place !== places[index])) this.append(...sorted);
    this.show();
  }

  /** A page with a critical call stays until somebody takes the call. */
  turn() {
    if (this.pages === 1 || performance.now() - this.turnedAt < PAGE_S * 1000) return;
    this.turnedAt = performance.now();
    const critical = this.places.findIndex((place) => place.querySelector("[data-critical]"));
    this.page = critical >= 0 ? Math.floor(critical / PER_PAGE) : (this.page + 1) % this.pages;
    this.show();
  }

  show() {
    const paged = this.pages > 1;
    this.places.forEach((place, index) => (place.hidden = paged && Math.floor(index / PER_PAGE) !== this.page));
    const note = document.querySelector("[data-pages]");
    if (note) note.textContent = paged ? `page ${this.page + 1} of ${this.pages}` : "";
  }
}

customElements.define("line-wall", LineWall);
