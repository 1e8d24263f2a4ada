// A panel that asks only while it is open, and what stands there when it gets no answer.

import { UnauthorizedError } from "./agent.js";
import { byId, el } from "./dom.js";
import * as words from "./words.js";

/** Why no engine can be asked, null where one can. */
export function engineMissing({ self, engine, missing }) {
  if (self?.engine && engine?.reachable) return null;
  const { detail, message, hint = null } = engine?.failure ?? missing ?? {};
  return { message: detail ?? message ?? "no engine answers, and only one has this", hint };
}

/** A problem as a line: what it is, and what helps. */
export function reason({ message, hint }) {
  return `${words.sentence(message)}${hint ? ` What helps: ${hint}` : ""}`;
}

/** Asks for its content when it is opened, and every so many milliseconds while it is open and seen. */
export class Drawer {
  constructor(id, title, every = null) {
    this.every = every;
    this.latest = {};
    this.timer = null;
    this.busy = false;
    this.locked = false;
    this.count = el("span", { class: "quiet" });
    this.body = el("div", { class: "body", hidden: true });
    this.note = el("p", { class: "note quiet small" });
    const again = el("button", { type: "button" }, "Refresh");
    this.place = byId(id);
    this.place.append(
      el("summary", null, el("h2", null, title, " ", this.count)),
      this.body, el("div", { class: "foot" }, this.note, again),
    );
    again.addEventListener("click", () => this.begin());
    this.place.addEventListener("toggle", () => this.begin());
    document.addEventListener("visibilitychange", () => { if (this.every) this.begin(); });
  }

  /** Take what is known of the container; ask again where only the token was missing. */
  update(latest) {
    this.latest = latest;
    if (this.locked) this.begin();
  }

  async begin() {
    clearTimeout(this.timer);
    if (!this.place.open || document.visibilityState === "hidden" || this.busy) return;
    this.busy = true;
    let again = true;
    try {
      this.draw(await this.ask());
      this.note.textContent = `As of ${words.clock(new Date())}.`;
      this.body.hidden = false;
    } catch (error) {
      this.locked = error instanceof UnauthorizedError;
      if (error.hint !== undefined) again = false; // a refusal, which will not go away
      this.body.hidden = true;
      this.note.textContent = reason(error);
    }
    this.busy = false;
    if (again && this.every) this.timer = setTimeout(() => this.begin(), this.every);
  }
}
