// The events, each once, grouped by run; equal ones in a row share a line.

import { code, el, quiet } from "./dom.js";
import * as words from "./words.js";

const STEP = 100;
const KEPT = 10_000; // as many as the agent keeps by default
const EXECS = ["exec_create", "exec_start", "exec_die", "exec_detach", "top"];

export class Timeline {
  constructor(place) {
    this.place = place;
    this.events = new Map();
    this.runs = [];
    this.withExecs = false;
    this.live = true; // whether there is an engine, which reports events
    this.shown = STEP;
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
    const lines = condensed([...this.events.values()].reverse()
      .filter(({ action }) => this.withExecs || !EXECS.includes(action)));
    const shown = lines.slice(0, this.shown);
    const groups = grouped(shown, this.runs);
    const focused = document.activeElement?.id === "older";
    this.place.replaceChildren(
      ...groups.map(group),
      ...(groups.length ? [] : [quiet(this.live
        ? "Nothing has happened since the agent started." : "Only an engine reports events.")]),
      ...(lines.length > shown.length ? [this.older(lines.length - shown.length)] : []),
    );
    if (focused) (document.getElementById("older") ?? this.place).focus();
  }

  older(rest) {
    const button = el("button", { id: "older", class: "older", type: "button" }, `Show older (${rest})`);
    button.addEventListener("click", () => { this.shown += STEP; this.paint(); });
    return button;
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

/** Runs with their lines, the newest first; those of no run stand by themselves. */
function grouped(lines, runs) {
  const groups = new Map(runs.map((run) => [run.number, { run, lines: [] }]));
  let number = lines.find(({ event }) => event.run)?.event.run ?? runs[0]?.number ?? null;
  for (const line of lines) {
    number = line.event.run ?? number; // a gap belongs where it stands
    if (!groups.has(number)) groups.set(number, { run: number === null ? null : { number }, lines: [] });
    groups.get(number).lines.push(line);
  }
  return [...groups.values()].sort((one, other) => (other.run?.number ?? 0) - (one.run?.number ?? 0));
}

function group({ run, lines }) {
  return el("div", { class: "run" },
    run && el("h3", null, `Run ${run.number}`, el("span", { class: "quiet" }, spell(run))),
    lines.length ? el("ol", null, lines.flatMap(line)) : quiet("No events of it are left."),
  );
}

function spell(run) {
  const start = words.moment(run.started_at);
  const end = words.moment(run.finished_at);
  const since = start ? `started ${words.dayAndClock(start)}` : "";
  if (!run.cause || !end) return since || "now";
  const lasted = start ? ` after ${words.duration((end - start) / 1000)}` : "";
  return [since, `${words.ending(run)}${lasted}`].filter(Boolean).join(", ");
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
