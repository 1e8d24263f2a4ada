// Samples as series over time: what counts up becomes a rate, what is unknown stays null.

import { moment } from "./words.js";

const SPANS = [60, 2 * 60, 5 * 60, 15 * 60];
const LONGEST = SPANS.at(-1);
const SERIES = ["cpu", "throttled", "memory", "limit", "received", "sent", "read", "written"];
const GAP = 150; // seconds without a reading, of one a minute: nothing ran
const FIELDS = {
  cpu: ["cpu_cores", 100],
  throttled: ["cpu_throttled_share", 100],
  memory: ["memory_working_set_bytes", 1],
  limit: ["memory_limit_bytes", 1],
  received: ["network_rx_bytes_per_second", 1],
  sent: ["network_tx_bytes_per_second", 1],
  read: ["io_read_bytes_per_second", 1],
  written: ["io_written_bytes_per_second", 1],
};

/** Times in seconds, and for each series a value at each of them. */
class Columns {
  constructor() {
    this.times = [];
    this.series = Object.fromEntries(SERIES.map((name) => [name, []]));
  }

  push(time, values) {
    this.times.push(time);
    for (const name of SERIES) this.series[name].push(values[name] ?? null);
  }

  /** These, and of others what is later. */
  with(others) {
    const last = this.times.at(-1) ?? 0;
    const later = others.times.findIndex((time) => time > last);
    const joined = new Columns();
    const behind = (list) => later < 0 ? [] : list.slice(later);
    joined.times = [...this.times, ...behind(others.times)];
    for (const name of SERIES) joined.series[name] = [...this.series[name], ...behind(others.series[name])];
    return joined;
  }

  drop(before) {
    const kept = this.times.findIndex((time) => time > before);
    const count = kept < 0 ? this.times.length : kept;
    for (const list of [this.times, ...Object.values(this.series)]) list.splice(0, count);
  }
}

/** What the charts show: the last fifteen minutes as they come, or the last hours. */
export class History {
  constructor() {
    this.recent = new Columns();
    this.last = null;
    this.past = null;
    this.hours = 0;
    this.shown = this.recent;
  }

  get times() { return this.shown.times; }

  get series() { return this.shown.series; }

  /** Add a sample, and drop what is too old. */
  add(sample) {
    const now = Date.parse(sample.read_at.replace(/(\.\d{3})\d+/, "$1")) / 1000;
    const totals = counters(sample);
    const before = this.last;
    this.last = { now, totals, cpu: sample.cpu };
    if (now <= (this.recent.times.at(-1) ?? 0)) return;
    this.push(now, {
      cpu: sample.cpu.percent,
      throttled: before ? throttled(sample.cpu, before.cpu) : null,
      memory: sample.memory.working_set_bytes ?? sample.memory.usage_bytes,
      limit: sample.memory.limit_bytes,
      ...Object.fromEntries(Object.entries(totals).map(([name, total]) => [
        name, before ? perSecond(total, before.totals[name], now - before.now) : null,
      ])),
    });
  }

  /** Begin with what was read before the first sample came: an answer of /v1/history. */
  begin(document) {
    const first = this.recent.times[0] ?? Date.now() / 1000;
    const before = columns(document, first - LONGEST, first);
    this.recent = before.with(this.recent);
    this.show();
  }

  /** Show so many hours of an answer of /v1/history, and what has come since; 0 for the last minutes. */
  choose(hours, document = null) {
    this.hours = hours;
    this.past = document && columns(document, 0, Infinity);
    this.show();
  }

  /** How many seconds to show: as few as hold all there is, fifteen minutes at most. */
  span() {
    if (this.hours) return this.hours * 3600;
    const age = this.times.length ? this.times.at(-1) - this.times[0] : 0;
    return SPANS.find((span) => age <= span) ?? LONGEST;
  }

  /** Break the lines: what happened in between is unknown. */
  interrupt() {
    if (this.last === null) return;
    this.push(this.last.now + 0.001, {});
    this.last = null;
  }

  push(now, values) {
    this.recent.drop(now - LONGEST);
    this.recent.push(now, values);
    this.show();
  }

  show() {
    this.shown = this.hours && this.past ? this.past.with(this.recent) : this.recent;
  }
}

/** The rows of /v1/history between two times; the lines break where a run began or nothing was read. */
function columns({ fields, samples, runs }, after, before) {
  const at = Object.fromEntries(fields.map((name, index) => [name, index]));
  const starts = runs.map((run) => seconds(run.started_at)).filter(Boolean);
  const found = new Columns();
  let last = null;
  for (const row of samples) {
    const time = seconds(row[at.time]);
    if (time === null || time <= (last ?? after) || time >= before) continue;
    const apart = last !== null
      && (time - last > GAP || starts.some((start) => start > last && start <= time));
    if (apart) found.push((last + time) / 2, {});
    found.push(time, Object.fromEntries(Object.entries(FIELDS).map(([name, [field, factor]]) => {
      const value = row[at[field]] ?? null;
      return [name, value === null ? null : value * factor];
    })));
    last = time;
  }
  return found;
}

/** Mean and highest of the values there are; null where there are none. */
export function summary(values) {
  let count = 0;
  let total = 0;
  let highest = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    count += 1;
    total += value;
    highest = Math.max(highest, value);
  }
  return count ? { mean: total / count, highest } : null;
}

function seconds(text) {
  const at = moment(text);
  return at && at.getTime() / 1000;
}

/** The percentage of the periods since the sample before in which it was held back. */
function throttled(cpu, before) {
  const rose = (name) => cpu[name] === null || before[name] === null || cpu[name] < before[name]
    ? null : cpu[name] - before[name];
  const [periods, held] = [rose("periods"), rose("throttled_periods")];
  if (periods === null || held === null) return null;
  return periods ? 100 * held / periods : 0;
}

function counters({ network, io }) {
  const traffic = network && Object.entries(network)
    .filter(([name]) => name !== "lo").map(([, each]) => each);
  const devices = io && Object.values(io);
  return {
    received: total(traffic, "rx_bytes"),
    sent: total(traffic, "tx_bytes"),
    read: total(devices, "read_bytes"),
    written: total(devices, "write_bytes"),
  };
}

function total(parts, name) {
  const present = parts?.map((part) => part[name]).filter((value) => value !== null) ?? [];
  if (!present.length) return parts && !parts.length ? 0 : null;
  return present.reduce((sum, value) => sum + value, 0);
}

function perSecond(total, before, seconds) {
  if (total === null || before === null || total < before) return null;
  return (total - before) / seconds;
}
