// Samples as series over time: what counts up becomes a rate, what is unknown stays null.

import { moment } from "./words.js";

const SPANS = [60, 2 * 60, 5 * 60, 15 * 60];
const LONGEST = SPANS.at(-1);
const GAP = 150; // seconds without a reading, of one a minute: nothing ran
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
  constructor() {
    this.recent = []; // rows: a time in seconds, and a value of each series
    this.past = [];
    this.hours = 0;
    this.last = null;
    this.starts = []; // of the runs
    this.arrange();
  }

  /** Add a sample, and drop what is too old. */
  add(sample) {
    const now = seconds(sample.read_at);
    const totals = counters(sample);
    const before = this.last;
    this.last = { now, totals, cpu: sample.cpu };
    if (now <= (this.recent.at(-1)?.[0] ?? 0)) return;
    this.push(now, {
      cpu: sample.cpu.percent,
      throttled: before && throttled(sample.cpu, before.cpu),
      memory: sample.memory.working_set_bytes ?? sample.memory.usage_bytes,
      limit: sample.memory.limit_bytes,
      ...Object.fromEntries(Object.entries(totals).map(([name, total]) => [
        name, before ? perSecond(total, before.totals[name], now - before.now) : null,
      ])),
    });
  }

  /** Begin with what was read before the first sample came: an answer of /v1/history. */
  begin(document) {
    const first = this.recent[0]?.[0] ?? Infinity;
    this.recent = [...this.rows(document).filter(([time]) => time < first), ...this.recent];
    this.arrange();
  }

  /** Show so many hours of an answer of /v1/history, and what has come since; 0 for the last minutes. */
  choose(hours, document) {
    this.hours = hours;
    this.past = hours ? this.rows(document) : [];
    this.arrange();
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
    this.recent = this.recent.filter(([time]) => time > now - LONGEST);
    this.recent.push([now, ...NAMES.map((name) => values[name] ?? null)]);
    this.arrange();
  }

  rows({ fields, samples, runs }) {
    this.starts = runs.map((run) => seconds(run.started_at));
    return samples.map((row) => [seconds(row[0]), ...NAMES.map((name) => {
      const [field, factor] = SERIES[name];
      const value = row[fields.indexOf(field)];
      return value === null ? null : value * factor;
    })]);
  }

  arrange() {
    const last = this.past.at(-1)?.[0] ?? 0;
    const shown = broken([...this.past, ...this.recent.filter(([time]) => time > last)], this.starts);
    this.times = shown.map(([time]) => time);
    this.series = Object.fromEntries(NAMES.map((name, index) => [name, shown.map((row) => row[index + 1])]));
  }
}

/** The rows with an unknown one wherever a run began or nothing was read, which breaks the lines. */
function broken(rows, starts) {
  return rows.flatMap((row, index) => {
    const [before, now] = [rows[index - 1]?.[0], row[0]];
    const apart = now - before > GAP || starts.some((start) => start > before && start <= now);
    return apart ? [[(before + now) / 2, ...NAMES.map(() => null)], row] : [row];
  });
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
  return moment(text) / 1000;
}

/** The percentage of the periods since the sample before in which it was held back. */
function throttled(cpu, before) {
  const [periods, held] = ["periods", "throttled_periods"].map((name) => perSecond(cpu[name], before[name], 1));
  return periods === null || held === null ? null : periods && 100 * held / periods;
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
