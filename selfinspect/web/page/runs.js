// The runs with their events: the newest open, older ones folded, those that ended alike together.

import { el, quiet } from "./dom.js";
import * as words from "./words.js";

const STEP = 100; // lines of a run
const ROWS = 20; // folded runs, or rows of them

export class Runs {
  /**
   * @param line makes the elements of a line, given with its index among the lines of its run.
   * @param redraw called when more is to be shown.
   */
  constructor(line, redraw) {
    this.line = line;
    this.redraw = redraw;
    this.open = new Set();
    this.shown = new Map();
  }

  /**
   * The elements for groups from the newest on.
   * @param held the numbers of runs of which there are events, shown or not; null while the past
   *   ones are still being asked for.
   */
  elements(groups, held) {
    const [newest, ...older] = groups;
    if (!newest) return [];
    return [
      el("div", { class: "run" },
        newest.run && el("h3", null, `Run ${newest.run.number}`, el("span", { class: "quiet" }, spell(newest.run))),
        this.lines(newest, held)),
      ...this.bounded("runs", alike(older), ROWS, "Show older runs", (rows) => rows.map((row) => this.row(row, held))),
    ];
  }

  row(groups, held) {
    if (groups.length === 1) return this.single(groups[0], held);
    const last = groups.at(-1).run;
    const key = `alike ${last.number}`;
    return this.folded(key, `Runs ${last.number} to ${groups[0].run.number}`, together(groups), () =>
      this.bounded(key, groups, ROWS, "Show older runs", (some) => some.map((group) => this.single(group, held))));
  }

  single(group, held) {
    if (!group.run) return el("div", { class: "run" }, this.lines(group, held));
    return this.folded(`run ${group.run.number}`, `Run ${group.run.number}`, spell(group.run), () => this.lines(group, held));
  }

  lines({ run, lines }, held) {
    if (lines.length) {
      return this.bounded(`lines ${run?.number}`, lines, STEP, "Show older", (some) =>
        [el("ol", null, some.flatMap((line, index) => this.line(line, index, some)))]);
    }
    return [quiet(!held ? "Its events are still being loaded." : held.has(run?.number) ? "Only execs." : "No event of it is kept any more.")];
  }

  /** What is folded is made when it is opened. */
  folded(key, title, said, make) {
    const content = el("div", null);
    const fill = () => content.replaceChildren(...make());
    const details = el("details", { class: "run", open: this.open.has(key) },
      el("summary", { "data-key": key }, title, el("span", { class: "quiet" }, said)), content);
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
    const button = el("button", { class: "older", type: "button", "data-key": `older ${key}` }, `${label} (${all.length - shown})`);
    button.addEventListener("click", () => {
      this.shown.set(key, shown + step);
      this.redraw();
    });
    return [...elements, button];
  }
}

/** Runs with their lines, the newest first; lines of no run stand by themselves. */
export function grouped(lines, runs) {
  const groups = new Map(runs.map((run) => [run.number, { run, lines: [] }]));
  let number = lines.find(({ event }) => event.run)?.event.run ?? runs[0]?.number ?? null;
  for (const line of lines) {
    number = line.event.run ?? number; // a gap belongs where it stands
    if (!groups.has(number)) groups.set(number, { run: number === null ? null : { number }, lines: [] });
    groups.get(number).lines.push(line);
  }
  return [...groups.values()].sort((one, other) => (other.run?.number ?? 0) - (one.run?.number ?? 0));
}

/** Groups in a row whose runs ended alike, together. */
function alike(groups) {
  const rows = [];
  for (const group of groups) {
    const key = group.run?.cause && words.ending(group.run);
    const last = rows.at(-1);
    if (key && last?.key === key) last.groups.push(group);
    else rows.push({ key, groups: [group] });
  }
  return rows.map(({ groups }) => groups);
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
  const lasted = runs.map(({ started_at: start, finished_at: end }) => words.moment(end) - words.moment(start))
    .filter((each) => each >= 0 && each < Infinity).map((each) => each / 1000);
  const [least, most] = [Math.min(...lasted), Math.max(...lasted)].map(words.duration);
  return [
    `each ${words.ending(runs[0])}${!lasted.length ? "" : least === most ? ` after ${least}` : ` after ${least} to ${most}`}`,
    first && `since ${words.dayAndClock(first)}`,
  ].filter(Boolean).join(", ");
}
