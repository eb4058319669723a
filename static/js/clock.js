// Elements that tick: <since-time>, <until-time>, <while-time>, <plant-clock>.

import { clock, duration, everySecond, now, words } from "./time.js";

class Ticking extends HTMLElement {
  static observedAttributes = ["datetime"];

  connectedCallback() {
    this.stop = everySecond(() => this.tick());
  }

  disconnectedCallback() {
    this.stop();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.tick();
  }

  /** Null leaves what stands there: the server's words, or nothing where no time is known yet. */
  tick() {
    const text = this.text();
    if (text !== null && text !== this.textContent) this.textContent = text;
  }

  get at() {
    return Date.parse(this.getAttribute("datetime"));
  }
}

/** Counts up. as="clock" keeps the server's words ("since 10:42"), as="words" writes it as people say it ("42 min"). */
class SinceTime extends Ticking {
  text() {
    const as = this.getAttribute("as");
    if (as === "clock" || Number.isNaN(this.at)) return null;
    return (as === "words" ? words : duration)((now() - this.at) / 1000);
  }
}

/** Counts down, then says what `past` says. */
class UntilTime extends Ticking {
  text() {
    if (Number.isNaN(this.at)) return null;
    const left = (this.at - now()) / 1000;
    return left > 0 ? duration(left) : (this.getAttribute("past") ?? "00:00");
  }
}

/** What stands inside is offered only until `until`. */
class WhileTime extends HTMLElement {
  connectedCallback() {
    this.stop = everySecond(() => (this.hidden = Date.parse(this.getAttribute("until")) <= now()));
  }

  disconnectedCallback() {
    this.stop();
  }
}

class PlantClock extends Ticking {
  text() {
    return clock(now(), this.hasAttribute("seconds"));
  }
}

/** An unanswered call turns at its due time by itself, even when the server is away. */
function markDueCalls() {
  for (const call of document.querySelectorAll("[data-due]")) call.classList.toggle("is-due", Date.parse(call.dataset.due) <= now());
}

customElements.define("since-time", SinceTime);
customElements.define("until-time", UntilTime);
customElements.define("while-time", WhileTime);
customElements.define("plant-clock", PlantClock);
everySecond(markDueCalls);
