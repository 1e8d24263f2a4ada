// The time that the charts show, and what happened in it.

import { ProblemError } from "./agent.js";
import { byId, el, show } from "./dom.js";
import * as words from "./words.js";

const REFRESH = 60; // seconds: the agent keeps one reading a minute
const STEP = 5; // seconds: thins the readings of a second, and none of a minute
const SAME = 5; // seconds between the kernel's kill and the end of the run that it was

const KINDS = [
  { kind: "deploy", tone: "first", shape: "■", singular: "deploy" },
  { kind: "start", tone: "good", shape: "▲", singular: "start" },
  { kind: "health", tone: "warn", shape: "●", singular: "health change" },
  { kind: "end", tone: "quiet", shape: "▼", singular: "end" },
  { kind: "pressure", tone: "warn", shape: "○", singular: "time at the memory limit", plural: "times at the memory limit" },
  { kind: "death", tone: "bad", shape: "◇", singular: "death" },
  { kind: "oom", tone: "bad", shape: "◆", singular: "OOM kill" },
];

/** What is marked on the time axis, oldest first: of the runs, and of the events. Pure. */
export function marks(runs, events) {
  const found = [];
  const add = (kind, time, text) => {
    const at = words.moment(time);
    const rank = KINDS.findIndex((each) => each.kind === kind);
    if (at) found.push({ ...KINDS[rank], rank, time: at.getTime() / 1000, text });
  };
  for (const run of runs) {
    add("start", run.started_at, `run ${run.number} started`);
    const kind = run.cause === "oom" || run.oom_killed ? "oom" : words.endedBadly(run) ? "death" : "end";
    if (run.cause) add(kind, run.finished_at, `run ${run.number} ${words.ending(run)}`);
  }
  const killed = found.filter(({ kind }) => kind === "oom").map(({ time }) => time);
  let image = null;
  let status = null;
  for (const { action, type, time, attributes } of events) {
    if (action === "health_status" && attributes?.status !== status) {
      if (status !== null || attributes?.status !== "healthy") add("health", time, `health: ${attributes?.status}`);
      status = attributes?.status ?? null;
    } else if (action === "start") {
      status = null;
    } else if (action === "memory_max") {
      add("pressure", time, "memory at its limit");
    } else if (action === "oom" && !killed.some((end) => Math.abs(words.moment(time) / 1000 - end) < SAME)) {
      add("oom", time, "the kernel killed a process for memory");
    }
    const of = type === "container" && ["create", "start"].includes(action) ? attributes?.image : null;
    if (of && (action === "create" || (image && of !== image))) add("deploy", time, `deployed ${of}`);
    image = of || image;
  }
  return found.sort((one, other) => one.time - other.time);
}

/** Lets a person choose the time, and gets the figures of it. */
export class Past {
  /** @param redraw called when the figures have changed. */
  constructor(agent, history, redraw) {
    this.agent = agent;
    this.history = history;
    this.redraw = redraw;
    this.begun = false;
    this.asked = 0;
    this.fetched = 0;
    for (const radio of document.getElementsByName("hours")) {
      radio.addEventListener("change", () => this.choose(Number(radio.value)));
    }
  }

  /** Fill the charts once, as soon as the container is known. */
  begin() {
    if (this.begun) return;
    this.begun = true;
    this.agent.ask("/v1/history?since=15m").then((document) => {
      byId("hours").hidden = false;
      this.history.begin(document);
      this.redraw();
    }, (error) => { this.begun = error instanceof ProblemError; });
  }

  /** Read the minutes that have passed, while hours are shown and somebody sees them. */
  keep() {
    const old = Date.now() / 1000 - this.fetched >= REFRESH;
    if (this.history.hours && old && document.visibilityState === "visible") this.choose(this.history.hours);
  }

  async choose(hours) {
    this.fetched = Date.now() / 1000;
    const asked = this.asked += 1;
    const document = hours && await this.agent.ask(`/v1/history?since=${hours}h&step=${STEP}`).catch(() => null);
    if (asked !== this.asked || document === null) return;
    this.history.choose(hours, document);
    this.redraw();
  }
}

/** What the marks mean, and how many of each there are in the time that is shown. */
export function legend(found, from) {
  const shown = found.filter(({ time }) => time >= from);
  const counted = KINDS.map((kind) => [kind, shown.filter((mark) => mark.kind === kind.kind)])
    .filter(([, some]) => some.length);
  show(byId("marks"), counted.map(([{ kind }, some]) => [kind, some.length, some.at(-1).time]), () =>
    counted.map(([{ tone, shape, singular, plural }, some]) => el("li", null,
      el("span", { class: `shape ${tone}`, "aria-hidden": "true" }, shape),
      ` ${words.count(some.length, singular, plural)}, `,
      some.length > 1 ? "the last " : "", `at ${words.dayAndClock(new Date(some.at(-1).time * 1000))}`)));
}
