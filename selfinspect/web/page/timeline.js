// The events, each once, by run: the newest open, older ones folded, those that ended alike together.

import { code, el, quiet } from "./dom.js";
import * as words from "./words.js";

const KEPT = 10_000; // as many as the agent keeps by default
const EXECS = ["exec_create", "exec_start", "exec_die", "exec_detach", "top"];
const STEP = 100; // lines of a run
const LOADING = "Events are still being loaded.";
const ROWS = 20; // folded runs, or rows of them

export class Timeline {
  events = new Map();
  runs = [];
  withExecs = false;
  live = true; // whether there is an engine, which reports events
  complete = false; // whether the past events are all here
  due = false;
  open = new Set(); // what is unfolded
  shown = new Map(); // how much of what is long

  constructor(place) {
    this.place = place;
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
    this.held = this.complete ? new Set(events.map(({ run }) => run)) : null;
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.place.replaceChildren(...(groups.length ? this.elements(groups) : [quiet(!this.live ? "Only an engine reports events."
      : this.complete ? "Nothing has happened since the agent started." : LOADING)]));
    if (focused) (this.place.querySelector(`[data-key="${focused}"]`) ?? this.place).focus();
  }

  elements([newest, ...older]) {
    return [
      el("div.run",
        newest.run && el("h3", `Run ${newest.run.number}`, el("span.quiet", spell(newest.run))),
        this.lines(newest)),
      ...this.bounded("runs", words.alike(older, ({ run }) => run?.cause && words.ending(run)), ROWS, "Show older runs", (rows) => rows.map((row) => this.row(row))),
    ];
  }

  row(groups) {
    if (groups.length === 1) return this.single(groups[0]);
    const last = groups.at(-1).run;
    const key = `alike ${last.number}`;
    return this.folded(key, `Runs ${last.number} to ${groups[0].run.number}`, together(groups), () =>
      this.bounded(key, groups, ROWS, "Show older runs", (some) => some.map((group) => this.single(group))));
  }

  single(group) {
    const { run } = group;
    return run ? this.folded(`run ${run.number}`, `Run ${run.number}`, spell(run), () => this.lines(group))
      : el("div.run", this.lines(group));
  }

  lines({ run, lines }) {
    if (lines.length) {
      return this.bounded(`lines ${run?.number}`, lines, STEP, "Show older", (some) =>
        [el("ol", some.flatMap((line, index) => drawn(line, index, some)))]);
    }
    return [quiet(!this.held ? LOADING : this.held.has(run?.number) ? "Only execs." : "No event of it is kept any more.")];
  }

  /** What is folded is made when it is opened. */
  folded(key, title, said, make) {
    const content = el("div");
    const fill = () => content.replaceChildren(...make());
    const details = el("details.run", { open: this.open.has(key) },
      el("summary", { "data-key": key }, title, el("span.quiet", said)), content);
    if (this.open.has(key)) fill();
    details.addEventListener("toggle", () => {
      if (details.open === this.open.has(key)) return;
      if (details.open) fill();
      this.open[details.open ? "add" : "delete"](key);
    });
    return details;
  }

  /** As many as are to be shown, and a button for more. */
  bounded(key, all, step, label, make) {
    const shown = this.shown.get(key) ?? step;
    const elements = make(all.slice(0, shown));
    if (all.length <= shown) return elements;
    const button = el("button.older", { type: "button", "data-key": `older ${key}` }, `${label} (${all.length - shown})`);
    button.addEventListener("click", () => {
      this.shown.set(key, shown + step);
      this.paint();
    });
    return [...elements, button];
  }
}

/** Lines for events from the newest on; equal ones in a row, of one run and day, share theirs. */
export function condensed(events) {
  const key = (event) => [event.run, words.moment(event.time)?.toDateString(), event.action, words.event(event)].join(" ");
  return words.alike(events, key).map((equal) => {
    const [at, since] = [equal[0], equal.at(-1)].map(({ time }) => words.moment(time));
    return { event: equal[0], at, count: equal.length, since };
  });
}

function drawn({ event, at, count, since }, index, lines) {
  const before = index ? lines[index - 1].at : new Date();
  const newDay = at && before && at.toDateString() !== before.toDateString();
  return [
    newDay && el("li.day", words.day(at)),
    el(`li.event.${words.toneOfEvent(event)}`,
      at ? el("time", { datetime: event.time, title: event.time }, words.clock(at)) : el("span"),
      el("span.what", words.event(event), code(event.action),
        count > 1 && [" ", el("span.often", words.often(count, since, at))])),
  ];
}

/** Runs with their lines, the newest first; lines of no run stand by themselves. */
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

function spell(run) {
  const start = words.moment(run.started_at);
  const since = start ? `started ${words.dayAndClock(start)}` : "";
  if (!run.cause || !run.finished_at) return since || "now";
  return [since, `${words.ending(run)}${words.lasting(run)}`].filter(Boolean).join(", ");
}

function together(groups) {
  const runs = groups.map(({ run }) => run);
  const first = words.moment(runs.at(-1).started_at);
  const lasted = runs.map(({ started_at: start, finished_at: end }) => (words.moment(end) - words.moment(start)) / 1000)
    .filter((each) => each >= 0);
  const [least, most] = [Math.min(...lasted), Math.max(...lasted)].map(words.duration);
  return [
    `each ${words.ending(runs[0])}${!lasted.length ? "" : least === most ? ` after ${least}` : ` after ${least} to ${most}`}`,
    first && `since ${words.dayAndClock(first)}`,
  ].filter(Boolean).join(", ");
}
