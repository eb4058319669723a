// <glove-keypad>: digits large enough for a glove, for the number field in it that was touched last.

class GloveKeypad extends HTMLElement {
  connectedCallback() {
    this.fields = [...this.querySelectorAll("input")];
    this.keys = this.querySelector(".keys-pad");
    this.keys.hidden = false;
    for (const field of this.fields) {
      field.inputMode = "none"; // else the screen's own keyboard would lie over the page
      field.addEventListener("focus", () => this.choose(field));
    }
    this.keys.addEventListener("click", this);
    this.closest("dialog")?.addEventListener("close", () => this.reset());
    this.choose(this.fields[0]);
  }

  /** The next digit begins a new number: what stands in the field is a proposal. */
  choose(field) {
    this.field = field;
    this.isProposal = true;
    for (const other of this.fields) other.classList.toggle("is-chosen", other === field);
  }

  handleEvent(event) {
    const key = event.target.closest("[data-digit]")?.dataset.digit;
    if (key === undefined) return;
    const before = this.isProposal ? "" : this.field.value;
    this.isProposal = false;
    this.field.value = { clear: "", back: this.field.value.slice(0, -1) }[key] ?? `${before}${key}`.replace(/^0+(?=\d)/, "").slice(0, 7);
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  reset() {
    this.field.form?.reset();
    this.choose(this.fields[0]);
  }
}

customElements.define("glove-keypad", GloveKeypad);
