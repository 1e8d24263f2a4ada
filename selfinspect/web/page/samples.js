// Samples as series over time: what counts up becomes a rate, what is unknown stays null.

const SPANS = [60, 2 * 60, 5 * 60, 15 * 60];
const LONGEST = SPANS.at(-1);
const SERIES = ["cpu", "memory", "received", "sent", "read", "written"];

/** The last fifteen minutes of what the charts show. */
export class History {
  constructor() {
    this.times = [];
    this.series = Object.fromEntries(SERIES.map((name) => [name, []]));
    this.last = null;
  }

  /** Add a sample, and drop what is too old. */
  add(sample) {
    const now = Date.parse(sample.read_at.replace(/(\.\d{3})\d+/, "$1")) / 1000;
    const totals = counters(sample);
    const before = this.last;
    this.last = { now, totals };
    if (before && now <= before.now) return;
    this.push(now, {
      cpu: sample.cpu.percent,
      memory: sample.memory.working_set_bytes ?? sample.memory.usage_bytes,
      ...Object.fromEntries(Object.entries(totals).map(([name, total]) => [
        name, before ? perSecond(total, before.totals[name], now - before.now) : null,
      ])),
    });
  }

  /** How many seconds to show: as few as hold all there is, fifteen minutes at most. */
  span() {
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
    const kept = this.times.findIndex((time) => time > now - LONGEST);
    const drop = kept < 0 ? this.times.length : kept;
    for (const list of [this.times, ...Object.values(this.series)]) list.splice(0, drop);
    this.times.push(now);
    for (const name of SERIES) this.series[name].push(values[name] ?? null);
  }
}

/** Mean and highest of the values there are; null where there are none. */
export function summary(values) {
  const present = values.filter((value) => value !== null);
  if (!present.length) return null;
  const total = present.reduce((sum, value) => sum + value, 0);
  return { mean: total / present.length, highest: Math.max(...present) };
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
