// The figures over time, and what happened in it.

import { ProblemError } from "./agent.js";
import { byId, el, show } from "./dom.js";
import * as words from "./words.js";

const SPANS = [60, 2 * 60, 5 * 60, 15 * 60];
const LONGEST = SPANS.at(-1);
const LATELY = 5 * 60;
const GAP = 150; // seconds without a reading, of one a minute: nothing ran
const REFRESH = 60; // seconds: the agent keeps one reading a minute
const STEP = 5; // seconds: thins the readings of a second, and none of a minute
const SAME = 5; // seconds between the kernel's kill and the end of the run that it was

/** The series, each with its field of /v1/history and what that is multiplied by. */
const SERIES = {
  cpu: ["cpu_cores", 100],
  throttled: ["cpu_throttled_share", 100],
  memory: ["memory_working_set_bytes", 1],
  limit: ["memory_limit_bytes", 1],
  received: ["network_rx_bytes_per_second", 1],
  sent: ["network_tx_bytes_per_second", 1],
  read: ["io_read_bytes_per_second", 1],
  written: ["io_written_bytes_per_second", 1],
};
const NAMES = Object.keys(SERIES);

/** What the charts show: the last fifteen minutes as they come, or the last hours. */
export class History {
  begun = false;
  asked = 0;
  fetched = 0;
  recent = []; // rows: a time in seconds, and a value of each series
  past = [];
  hours = 0;
  last = null;
  starts = []; // of the runs

  /** @param redraw called when more has been fetched. */
  constructor(agent, redraw) {
    this.agent = agent;
    this.redraw = redraw;
    this.arrange();
  }

  /** Add a sample, and drop what is too old. */
  add(sample) {
    const now = seconds(sample.read_at);
    const { cpu, memory } = sample;
    const totals = counters(sample);
    const before = this.last;
    this.last = { now, totals, cpu };
    if (now <= (this.recent.at(-1)?.[0] ?? 0)) return;
    this.push(now, {
      cpu: cpu.percent,
      throttled: before && throttled(cpu, before.cpu),
      memory: memory.working_set_bytes ?? memory.usage_bytes,
      limit: memory.limit_bytes,
      ...Object.fromEntries(Object.entries(totals).map(([name, total]) => {
        const rose = before && risen(total, before.totals[name]);
        return [name, rose === null ? null : rose / (now - before.now)];
      })),
    });
  }

  /** Begin, once, with what was read before the first sample came. */
  fetch() {
    if (this.begun) return;
    this.begun = true;
    this.agent.ask("/v1/history?since=15m").then((document) => {
      byId("hours").hidden = false;
      this.begin(document);
      this.redraw();
    }, (error) => { this.begun = error instanceof ProblemError; });
  }

  begin(document) {
    const first = this.recent[0]?.[0] ?? Infinity;
    this.recent = [...this.rows(document).filter(([time]) => time < first), ...this.recent];
    this.arrange();
  }

  /** Show so many hours, and what has come since; 0 for the last minutes. */
  async choose(hours) {
    this.fetched = Date.now() / 1000;
    const asked = this.asked += 1;
    const document = hours && await this.agent.ask(`/v1/history?since=${hours}h&step=${STEP}`).catch(() => null);
    if (asked !== this.asked || document === null) return;
    this.hours = hours;
    this.past = hours ? this.rows(document) : [];
    this.arrange();
    this.redraw();
  }

  /** Read the minutes that have passed, while hours are shown and somebody sees them. */
  keep() {
    const old = Date.now() / 1000 - this.fetched >= REFRESH;
    if (this.hours && old && document.visibilityState === "visible") this.choose(this.hours);
  }

  /** How many seconds to show: as few as hold all there is, fifteen minutes at most. */
  span() {
    if (this.hours) return this.hours * 3600;
    const age = this.times.length ? this.times.at(-1) - this.times[0] : 0;
    return SPANS.find((span) => age <= span) ?? LONGEST;
  }

  /** In how many percent of its CPU periods it was held back lately, and for how many seconds that is known. */
  throttling() {
    const column = NAMES.indexOf("throttled") + 1;
    const from = this.recent.at(-1)?.[0] - LATELY;
    let [sum, known] = [0, 0];
    this.recent.forEach((row, index) => {
      const spent = row[0] - this.recent[index - 1]?.[0];
      if (row[0] < from || row[column] === null || !(spent < GAP)) return;
      sum += row[column] * spent;
      known += spent;
    });
    return { percent: known && sum / known, seconds: known };
  }

  /** Break the lines: what happened in between is unknown. */
  interrupt() {
    if (this.last === null) return;
    this.push(this.last.now + 0.001, {});
    this.last = null;
  }

  push(now, values) {
    this.recent = this.recent.filter(([time]) => time > now - LONGEST);
    this.recent.push([now, ...NAMES.map((name) => values[name] ?? null)]);
    this.arrange();
  }

  rows({ fields, samples, runs }) {
    this.starts = runs.map((run) => seconds(run.started_at));
    return samples.map((row) => [seconds(row[0]), ...Object.values(SERIES).map(([field, factor]) => {
      const value = row[fields.indexOf(field)];
      return value === null ? null : value * factor;
    })]);
  }

  /** The series, with an unknown value wherever a run began or nothing was read, which breaks the lines. */
  arrange() {
    const last = this.past.at(-1)?.[0] ?? 0;
    const rows = [...this.past, ...this.recent.filter(([time]) => time > last)].flatMap((row, index, all) => {
      const [before, now] = [all[index - 1]?.[0], row[0]];
      const apart = now - before > GAP || this.starts.some((start) => start > before && start <= now);
      return apart ? [[(before + now) / 2, ...NAMES.map(() => null)], row] : [row];
    });
    this.times = rows.map(([time]) => time);
    this.series = Object.fromEntries(NAMES.map((name, index) => [name, rows.map((row) => row[index + 1])]));
  }
}

/** Mean and highest of the values there are; null where there are none. */
export function summary(values) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  return {
    mean: known.reduce((sum, value) => sum + value) / known.length,
    highest: known.reduce((one, other) => Math.max(one, other)),
  };
}

function seconds(text) {
  return words.moment(text) / 1000;
}

/** The percentage of the periods since the sample before in which it was held back. */
function throttled(cpu, before) {
  const [periods, held] = ["periods", "throttled_periods"].map((name) => risen(cpu[name], before[name]));
  return periods && held !== null ? 100 * held / periods : null;
}

function counters({ network, io }) {
  const { lo, ...others } = network ?? {};
  const total = (parts, known, name) => {
    const present = Object.values(parts).map((part) => part[name]);
    const some = present.filter((value) => value !== null);
    return known && (some.length || !present.length) ? some.reduce((sum, value) => sum + value, 0) : null;
  };
  return {
    received: total(others, network, "rx_bytes"),
    sent: total(others, network, "tx_bytes"),
    read: total(io ?? {}, io, "read_bytes"),
    written: total(io ?? {}, io, "write_bytes"),
  };
}

function risen(total = null, before = null) {
  return total === null || before === null || total < before ? null : total - before;
}

const KINDS = [
  ["deploy", "first", "■"],
  ["start", "good", "▲"],
  ["health change", "warn", "●"],
  ["end", "quiet", "▼"],
  ["time at the memory limit", "warn", "○", "times at the memory limit"],
  ["death", "bad", "◇"],
  ["OOM kill", "bad", "◆"],
].map(([kind, tone, shape, plural], rank) => ({ kind, tone, shape, plural, rank }));

/** What is marked on the time axis, oldest first: of the runs, and of the events. Pure. */
export function marks(runs, events) {
  const found = [];
  const add = (kind, time, text) => {
    const at = words.moment(time);
    if (at) found.push({ ...KINDS.find((each) => each.kind === kind), time: at / 1000, text });
  };
  for (const run of runs) {
    add("start", run.started_at, `run ${run.number} started`);
    const kind = run.cause === "oom" || run.oom_killed ? "OOM kill" : words.endedBadly(run) ? "death" : "end";
    if (run.cause) add(kind, run.finished_at, `run ${run.number} ${words.ending(run)}`);
  }
  const killed = found.filter(({ kind }) => kind === "OOM kill").map(({ time }) => time);
  let image = null;
  let status = null;
  for (const { action, type, time, attributes } of events) {
    const { status: now, image: of } = attributes ?? {};
    if (action === "health_status" && now !== status) {
      if (status !== null || now !== "healthy") add("health change", time, `health: ${now}`);
      status = now;
    } else if (action === "start") {
      status = null;
    } else if (action === "memory_max") {
      add("time at the memory limit", time, "memory at its limit");
    } else if (action === "oom" && !killed.some((end) => Math.abs(seconds(time) - end) < SAME)) {
      add("OOM kill", time, "the kernel killed a process for memory");
    }
    if (!of || type !== "container" || !["create", "start"].includes(action)) continue;
    if (action === "create" || (image && of !== image)) add("deploy", time, `deployed ${of}`);
    image = of;
  }
  return found.sort((one, other) => one.time - other.time);
}

/** What the marks mean, and how many of each there are in the time that is shown. */
export function legend(found, from) {
  const counted = KINDS.flatMap((kind) => {
    const times = found.filter((mark) => mark.kind === kind.kind && mark.time >= from).map(({ time }) => time);
    return times.length ? [{ ...kind, count: times.length, last: times.at(-1) }] : [];
  });
  show(byId("marks"), counted, () => counted.map(({ kind, tone, shape, plural, count, last }) => el("li",
    el(`span.${tone}`, { "aria-hidden": "true" }, shape),
    ` ${words.count(count, kind, plural)}, ${count > 1 ? "the last " : ""}at ${words.dayAndClock(new Date(last * 1000))}`)));
}
