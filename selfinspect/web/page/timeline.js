// The events, each once, grouped by run; equal ones in a row share a line.

import { code, el, quiet } from "./dom.js";
import { grouped, Runs } from "./runs.js";
import * as words from "./words.js";

const KEPT = 10_000; // as many as the agent keeps by default
const EXECS = ["exec_create", "exec_start", "exec_die", "exec_detach", "top"];

export class Timeline {
  constructor(place) {
    this.place = place;
    this.events = new Map();
    this.runs = [];
    this.withExecs = false;
    this.live = true; // whether there is an engine, which reports events
    this.complete = false; // whether the past events are all here
    this.list = new Runs(line, () => this.paint());
    this.due = false;
  }

  /** Add events as they arrived; one that is there already stays where it is. */
  add(events) {
    for (const event of events) {
      const { time, type, action, actor, attributes } = event;
      const key = action === "gap" ? `gap ${attributes?.to}`
        : [time, type, action, actor?.id, attributes?.exec_id].join(" ");
      if (!this.events.has(key)) this.events.set(key, event);
    }
    for (const key of this.events.keys()) {
      if (this.events.size <= KEPT) break;
      this.events.delete(key);
    }
    this.draw();
  }

  /** Draw soon: a replay brings many at once. */
  draw() {
    if (this.due) return;
    this.due = true;
    setTimeout(() => { this.due = false; this.paint(); }, 100);
  }

  paint() {
    const events = [...this.events.values()].reverse();
    const lines = condensed(events.filter(({ action }) => this.withExecs || !EXECS.includes(action)));
    const groups = grouped(lines, this.runs);
    const held = this.complete ? new Set(events.map(({ run }) => run)) : null;
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.place.replaceChildren(...(groups.length ? this.list.elements(groups, held) : [quiet(this.live
      ? "Nothing has happened since the agent started." : "Only an engine reports events.")]));
    if (focused) (this.place.querySelector(`[data-key="${focused}"]`) ?? this.place).focus();
  }
}

/** Lines for events from the newest on; equal ones in a row, of one run and day, share theirs. */
export function condensed(events) {
  const lines = [];
  for (const event of events) {
    const at = words.moment(event.time);
    const key = [event.run, at?.toDateString(), event.action, words.event(event)].join(" ");
    const last = lines.at(-1);
    if (last?.key === key) {
      last.count += 1;
      last.since = at;
    } else {
      lines.push({ key, event, at, count: 1, since: at });
    }
  }
  return lines;
}

function line({ event, at, count, since }, index, lines) {
  const before = index ? lines[index - 1].at : new Date();
  const newDay = at && before && at.toDateString() !== before.toDateString();
  return [
    newDay && el("li", { class: "day" }, words.day(at)),
    el("li", { class: `event ${words.toneOfEvent(event)}` },
      at ? el("time", { datetime: event.time, title: event.time }, words.clock(at)) : el("span", null, ""),
      el("span", { class: "what" }, words.event(event), code(event.action),
        count > 1 && [" ", el("span", { class: "often" }, words.often(count, since, at))]),
    ),
  ];
}
