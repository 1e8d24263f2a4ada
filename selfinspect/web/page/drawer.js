// A panel that asks only while it is open, and what stands there when it gets no answer.

import { ProblemError, UnauthorizedError } from "./agent.js";
import { el } from "./dom.js";
import * as words from "./words.js";

/** Why no engine can be asked, null where one can. */
export function engineMissing(self, engine, missing) {
  if (self?.engine && engine?.reachable) return null;
  const { detail, message, hint } = engine?.failure ?? missing ?? {};
  return { message: detail ?? message ?? "no engine answers, and only one has this", hint, status: 503 };
}

/** A problem as a line: what it is, and what helps. */
export function reason({ message, hint }) {
  return [`${words.sentence(message)} `, hint && el("span", null, `What helps: ${hint}`)];
}

/** A `details` element whose content is asked for when it is opened. */
export class Drawer {
  /**
   * @param place the element.
   * @param ask returns the content's data; draw shows it.
   * @param every milliseconds after which to ask again while it is open, null for never.
   */
  constructor(place, { ask, draw, every = null }) {
    Object.assign(this, { place, ask, draw, every });
    this.body = place.querySelector(".body");
    this.note = place.querySelector(".note");
    this.timer = null;
    this.busy = false;
    this.locked = false;
    place.addEventListener("toggle", () => this.begin());
    place.querySelector(".again").addEventListener("click", () => this.begin());
    document.addEventListener("visibilitychange", () => { if (every) this.begin(); });
  }

  /** Ask now, if it is open and seen. */
  async begin() {
    clearTimeout(this.timer);
    if (!this.place.open || document.visibilityState === "hidden" || this.busy) return;
    this.busy = true;
    this.place.setAttribute("aria-busy", "true");
    let again = this.every;
    try {
      this.draw(await this.ask());
      this.note.replaceChildren(`As of ${words.clock(new Date())}.`);
      this.body.hidden = false;
    } catch (error) {
      this.locked = error instanceof UnauthorizedError;
      if (error instanceof ProblemError || error.hint !== undefined) again = null;
      this.body.hidden = true;
      if (!this.locked) this.note.replaceChildren(...reason(error).filter(Boolean));
    }
    this.busy = false;
    this.place.removeAttribute("aria-busy");
    if (again) this.timer = setTimeout(() => this.begin(), again);
  }

  /** Ask again what a token was missing for. */
  unlock() {
    if (this.locked) this.begin();
    this.locked = false;
  }
}
