// The container's log: the last lines of a run, and those to come.

import { parts } from "./agent.js";
import { byId, el, plain, show } from "./dom.js";
import { engineMissing, reason } from "./listings.js";
import * as words from "./words.js";

const TAIL = 200;
const KEPT = 1000; // lines of a log that is followed
const LONGEST = 8 << 20; // characters of all of them
const CLIP = 2000; // characters of a line that are shown at once
const RUNS = 20;
const BEFORE_END = [60, 3600, Infinity]; // seconds: an engine reads all that is asked for, so little is asked for first
const FRESH = 15 * 60; // seconds for which the end of the run before is what matters
const PAINT = 100;
const AGAIN = 5000; // after a stream that ended though the run has not

/** The run whose log matters most: one that ended badly a short while ago, else the newest. */
export function chosen([newest = null, before], now) {
  const fresh = newest?.finished_at === null && now - words.moment(newest.started_at) < FRESH * 1000;
  return fresh && before && words.endedBadly(before) ? before : newest;
}

/** The queries for a run's last lines, to be tried until there are enough. */
export function queries(runs, run) {
  const index = runs.indexOf(run);
  const since = between(runs[index + 1], run) ?? 0;
  const until = between(run, runs[index - 1]);
  const starts = until === null ? [since] : BEFORE_END.map((seconds) => Math.max(since, until - seconds));
  return [...new Set(starts)].map((start) => [
    `tail=${TAIL}`, start && `since=${start.toFixed(3)}`, until && `until=${until.toFixed(3)}`,
  ].filter(Boolean).join("&"));
}

/** Unix seconds between two runs: engines date an end a little before its last line, a start after its first. */
function between(ended, started) {
  const end = words.moment(ended?.finished_at);
  const start = words.moment(started?.started_at);
  return end && (Number(end) + Number(start ?? end) + (start ? 0 : 2000)) / 2000;
}

export class LogPanel {
  latest = {};
  runs = [];
  number = null; // of the run that a person chose
  loaded = null; // what was asked for last
  refused = null; // why there is nothing
  aborter = null; // of what is being read
  lines = [];
  size = 0;
  due = false;

  /** `refresh` fetches every document again, and then updates this. */
  constructor(agent, refresh) {
    this.agent = agent;
    this.refresh = refresh;
    byId("log-run").addEventListener("change", ({ target }) => { this.number = Number(target.value); this.begin(); });
    byId("log-follow").addEventListener("change", () => this.begin());
    byId("log-again").addEventListener("click", () => this.load());
    for (const id of ["log-stream", "log-filter"]) byId(id).addEventListener("input", () => this.paint(true));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden" && this.follows) this.stop();
    });
  }

  get run() {
    return this.runs.find(({ number }) => number === this.number) ?? chosen(this.runs, Date.now());
  }

  get follows() {
    return byId("log-follow").checked && !this.run?.finished_at;
  }

  /** Take what is known of the container; ask once, and again where there may be another answer. */
  update(latest) {
    const { self, runs } = this.latest = latest;
    this.runs = runs.slice(0, RUNS);
    const away = self && engineMissing(latest);
    if (!self || (away && this.lines.length)) return;
    const key = JSON.stringify([self.id, this.run?.number ?? self.started_at]);
    const ended = this.follows && !this.aborter && document.visibilityState === "visible";
    this.options();
    if (away) this.say(away);
    else if (this.loaded !== key) this.begin();
    else if (ended && !this.refused) this.load(this.lines.at(-1)?.time);
    this.loaded = away ? null : key;
  }

  options() {
    const { run } = this;
    show(byId("log-run"), [run?.number, this.runs.map(({ number, cause }) => [number, cause])], () => this.runs.map((each) => el(
      "option", { value: each.number, selected: each === run },
      `Run ${each.number}${each.finished_at ? `: ${words.ending(each)}` : ", now"}`,
    )));
    byId("log-run").closest("label").hidden = this.runs.length < 2;
    byId("log-follow").closest("label").hidden = Boolean(run?.finished_at);
  }

  begin() {
    const denied = engineMissing(this.latest, "logs");
    if (!denied) this.load();
    else {
      this.stop();
      this.options();
      this.say(denied);
    }
  }

  stop() {
    this.aborter?.abort();
    this.aborter = null;
  }

  /** Ask for the lines, or for those later than one. */
  async load(last = null) {
    this.aborter?.abort();
    const aborter = this.aborter = new AbortController();
    const { run, follows } = this;
    this.options();
    try {
      if (await this.driver() === "none") {
        throw { message: "its logging driver is none, so nothing of it is kept", hint: "start the container with --log-driver local, json-file or journald" };
      }
      for (const query of last ? [`since=${encodeURIComponent(last)}`] : queries(this.runs, run)) {
        if (!last) this.clear();
        await this.read(`/v1/logs?${query}${follows ? "&follow=true" : ""}`, aborter.signal, last ?? "");
        if (this.lines.length >= TAIL) break;
      }
    } catch (error) {
      if (aborter.signal.aborted) return;
      if (error.hint === undefined) this.loaded = null; // no answer at all, or a token is missing
      this.say(error.hint === undefined ? { message: "the agent does not answer" } : error);
    }
    if (this.aborter !== aborter) return;
    this.aborter = null;
    this.paint();
    if (this.follows && !this.refused) setTimeout(this.refresh, AGAIN);
  }

  driver() {
    if (this.latest.self.inspected_at === null) return null;
    this.config ??= this.agent.ask("/v1/inspect/HostConfig").catch(() => null);
    return this.config.then((config) => config?.LogConfig?.Type);
  }

  clear() {
    this.refused = null;
    this.lines = [];
    this.size = 0;
    this.paint(true);
  }

  async read(path, signal, last) {
    const answer = await this.agent.open(path, signal, { Accept: "application/x-ndjson" });
    for await (const lines of parts(answer, "\n")) {
      this.take(lines.map((line) => JSON.parse(line)).filter(({ time }) => !time || time > last));
    }
  }

  take(lines) {
    for (const line of lines) {
      line.line = plain(line.line);
      this.size += line.line.length;
      this.lines.push(line);
    }
    while (this.lines.length > KEPT || this.size > LONGEST) this.size -= this.lines.shift().line.length;
    if (this.due) return;
    this.due = true;
    setTimeout(() => { this.due = false; this.paint(); }, PAINT);
  }

  say(problem) {
    this.clear();
    this.refused = problem;
    this.paint();
  }

  /** Show the lines that pass the filter; but for a new filter, those that stand there stay. */
  paint(whole = false) {
    const place = byId("log-lines");
    const [text, stream] = ["log-filter", "log-stream"].map((id) => byId(id).value);
    const lines = this.lines.filter(({ stream: of, line }) => [of, ""].includes(stream) && (!text || line.toLowerCase().includes(text.toLowerCase())));
    const kept = new Set(whole ? [] : lines);
    const atEnd = whole || place.scrollHeight - place.scrollTop - place.clientHeight < 30;
    for (const item of [...place.children]) if (!kept.has(item.line)) item.remove();
    place.append(...lines.slice(place.children.length).map(shown));
    place.hidden = !lines.length;
    if (atEnd) place.scrollTop = place.scrollHeight;
    const all = words.count(this.lines.length, "line");
    show(byId("log-note"), [lines.length, this.lines.length, this.refused, Boolean(this.aborter)], () => this.refused
      ? reason(this.refused) : lines.length < this.lines.length ? `${lines.length} of the last ${all}.`
        : lines.length ? `The last ${all}.` : this.aborter ? "Nothing so far." : "It printed nothing, or nothing of it is kept.");
  }
}

function shown(line) {
  const at = words.moment(line.time);
  const text = el("span.text", { dir: "auto" }, line.line.slice(0, CLIP));
  const more = line.line.length > CLIP && el("button", { type: "button" }, `… all ${line.line.length} characters`);
  if (more) more.addEventListener("click", () => { text.textContent = line.line; more.remove(); });
  const item = el("li",
    at && el("time", { datetime: line.time, title: line.time }, words.clock(at)),
    line.stream !== "stdout" && el("span.stream", line.stream === "stderr" ? "err" : line.stream), text, more);
  item.line = line;
  return item;
}
