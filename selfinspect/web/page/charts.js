// Four charts over the same time, drawn by uPlot; their words stand beside them.

import { byId, el } from "./dom.js";
import { summary } from "./history.js";
import { bytes, clock, count, dayAndClock, duration, percent, rate, UNKNOWN } from "./words.js";

const POWERS_OF_TWO = Array.from({ length: 51 }, (_, power) => 2 ** power);
const HEIGHT = 150;
const AXIS = 62;
const HALF_A_DIGIT = 3.2;
const SHAPE = 11; // a mark's size
const STEPS = 500; // of a chart's width: a smaller change is not drawn

const CHARTS = [
  {
    id: "cpu", title: "CPU", lines: [["cpu", "CPU"]], words: percent, floor: 10,
    limit: "quota", share: "throttled",
    beside: ({ cpu, pids }, limits) => [
      share(limits?.cpus ?? cpu.online),
      pids.current !== null && `${count(pids.current, "task")}${pids.limit === null ? "" : ` of ${pids.limit}`}`,
    ],
  },
  {
    id: "memory", title: "Memory", lines: [["memory", "Memory"]], words: bytes, floor: 2 ** 20, steps: POWERS_OF_TWO, limit: "limit",
    beside: ({ memory }) => [
      memory.limit_bytes === null ? "no limit" : `${percent(memory.percent)} of ${bytes(memory.limit_bytes)}`,
      memory.peak_bytes !== null && `highest ever ${bytes(memory.peak_bytes)}`,
    ],
  },
  {
    id: "network", title: "Network", lines: [["received", "in"], ["sent", "out"]], words: rate, floor: 1024, steps: POWERS_OF_TWO,
    beside: ({ network }, _, { received, sent }) =>
      [network ? `${bytes(received)} in, ${bytes(sent)} out so far` : "not the container's own, or unknown"],
  },
  {
    id: "io", title: "Disk", lines: [["read", "read"], ["written", "written"]], words: rate, floor: 1024, steps: POWERS_OF_TWO,
    beside: ({ io }, _, { read, written }) => [io ? `${bytes(read)} read, ${bytes(written)} written so far` : UNKNOWN],
  },
];

export class Charts {
  sample = null;
  limits = null;
  hovered = null;
  marks = [];
  drawn = 0;

  constructor(place, history) {
    this.history = history;
    this.charts = CHARTS.map((chart) => new Chart(chart, this));
    place.replaceChildren(...this.charts.map((chart) => chart.figure));
    new ResizeObserver(() => this.charts.forEach((chart) => chart.fit())).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.charts.forEach((chart) => chart.begin()));
  }

  update(sample, limits) {
    this.sample = sample ?? this.sample;
    this.limits = limits;
    const now = this.history.times.at(-1) ?? 0;
    const still = sample && now - this.drawn < this.history.span() / STEPS && now >= this.drawn;
    if (!still) this.drawn = now;
    for (const chart of this.charts) chart.update(!still);
    if (this.hovered === null) this.note();
  }

  note(time) {
    const near = (mark) => Math.abs(mark.time - time) <= this.history.span() / 100;
    byId("figures-note").textContent = time === undefined
      ? `now, and the last ${duration(this.history.span())}`
      : [`at ${dayAndClock(new Date(time * 1000))}`, ...this.marks.filter(near).slice(-2).map(({ text }) => text)].join(": ");
  }

  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.note(this.history.times[index]);
    for (const chart of this.charts) chart.words();
  }
}

class Chart {
  beside = el("p.beside");
  share = el("span.key");
  plot = null;

  constructor(chart, all) {
    this.chart = chart;
    this.all = all;
    this.values = chart.lines.map(() => el("strong", "…"));
    this.canvas = el("div.canvas", { role: "img", "aria-label": `${chart.title}: no figures yet` });
    const several = chart.lines.length > 1;
    this.figure = el("figure.card.chart", { id: `chart-${chart.id}`, "aria-label": chart.title },
      el("h3", chart.title), this.share,
      el("p.now", chart.lines.map(([, name], index) => el(several ? "span.pairwise" : "span",
        several && el(`span.swatch.${index ? "second" : "first"}`),
        several && el("span.name", name),
        this.values[index],
      ))),
      this.beside,
      this.canvas,
    );
  }

  /** Draw again, in the current colours. */
  begin() {
    this.plot?.destroy();
    const { limit, share } = this.chart;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour("quiet"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: colour("line"), width: 1 },
      ticks: { show: false },
    };
    const lines = this.chart.lines.map((_, index) => ({
      stroke: colour(index ? "second" : "first"),
      width: 1.5,
      fill: this.chart.lines.length === 1 ? `${colour("first")}1f` : undefined,
      points: { size: 3, filter: alone },
    }));
    const thin = (name, more) => ({ stroke: colour(name), width: 1, points: { show: false }, ...more });
    this.plot = new uPlot({
      width: this.canvas.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      padding: [14, 6, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "selfinspect" } },
      scales: {
        x: { range: () => this.span() },
        y: { range: () => [0, this.ceiling()] },
        share: { range: [0, 100] },
      },
      series: [
        {}, ...lines,
        ...(limit ? [thin("bad", { dash: [4, 4] })] : []),
        ...(share ? [thin("second", { fill: `${colour("second")}2e`, scale: "share" })] : []),
      ],
      axes: [
        { ...axis, size: 26, space: () => this.all.history.span() > 120 ? 46 : 72, values: (plot, ticks) => this.times(plot, ticks) },
        { ...axis, size: AXIS, space: 34, incrs: this.chart.steps, values: (_, ticks) => ticks.map((tick) => tick === 0 ? "0" : this.short(tick)) },
      ],
      hooks: {
        setCursor: [(plot) => this.all.hover(plot.cursor.idx ?? null)],
        draw: [(plot) => this.draw(plot, colour)],
      },
    }, this.data(), this.canvas);
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (width && width !== this.plot?.width) this.plot?.setSize({ width, height: HEIGHT });
  }

  update(moved = true) {
    if (this.plot === null) this.begin();
    else if (moved) this.plot.setData(this.data());
    this.words();
  }

  /**
   * The dashed line's name, at its end; and the marks: a line each, and on the axis a shape that needs
   * no colour, the worst of a few that coincide.
   */
  draw(plot, colour) {
    const { ctx, bbox: { left, top, width, height } } = plot;
    const size = SHAPE * devicePixelRatio;
    const limit = this.limits().findLast((value) => value !== null);
    const [from, to] = this.span();
    const spots = new Map();
    for (const mark of this.all.marks) {
      const spot = Math.round(plot.valToPos(mark.time, "x", true) / size * 3);
      if (mark.time >= from && mark.time <= to && !(spots.get(spot)?.rank > mark.rank)) spots.set(spot, mark);
    }
    ctx.save();
    ctx.font = `${size}px system-ui, sans-serif`;
    if (limit <= plot.scales.y.max) {
      ctx.fillStyle = colour("bad");
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      ctx.fillText(this.chart.limit, left + width, plot.valToPos(limit, "y", true) - 2 * devicePixelRatio);
    }
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const { time, tone, shape } of spots.values()) {
      const x = plot.valToPos(time, "x", true);
      ctx.fillStyle = colour(tone);
      ctx.globalAlpha = 0.4;
      ctx.fillRect(x - devicePixelRatio / 2, top, devicePixelRatio, height);
      ctx.globalAlpha = 1;
      ctx.fillText(shape, x, top + height);
    }
    ctx.restore();
  }

  /** The figures in words: those under the pointer, else the newest. */
  words() {
    const { history, hovered, sample, limits } = this.all;
    const index = hovered ?? history.times.length - 1;
    this.chart.lines.forEach(([name], line) => {
      this.values[line].textContent = this.chart.words(history.series[name][index] ?? null);
    });
    const shares = history.series[this.chart.share] ?? [];
    const held = hovered === null ? summary(shares)?.mean : shares[hovered];
    this.share.hidden = !held;
    if (held) this.share.replaceChildren(el("span.swatch.second"), `held back in ${percent(held)} of periods`);
    if (sample === null || hovered !== null) return;
    this.beside.textContent = this.chart.beside(sample, limits, history.last?.totals ?? {}).filter(Boolean).join(" · ");
    this.canvas.setAttribute("aria-label", this.chart.lines.map(([name, said]) => {
      const values = history.series[name];
      const all = summary(values);
      const { words } = this.chart;
      return all === null ? `${said}: ${UNKNOWN}`
        : `${said}: now ${words(values.at(-1))}, on average ${words(all.mean)}, at most ${words(all.highest)}`;
    }).join(". "));
  }

  data() {
    const { times, series } = this.all.history;
    const { lines, limit, share } = this.chart;
    return [
      times, ...lines.map(([name]) => series[name]),
      ...(limit ? [this.limits()] : []), ...(share ? [series[share]] : []),
    ];
  }

  /** The values of the dashed line, where there is one. */
  limits() {
    const { history: { times, series }, limits } = this.all;
    if (this.chart.limit === "quota") return times.map(() => limits?.cpus ? limits.cpus * 100 : null);
    return this.chart.limit ? series.limit : [];
  }

  span() {
    const end = this.all.history.times.at(-1) ?? Date.now() / 1000;
    return [end - this.all.history.span(), end];
  }

  /** The top of the chart: above what is drawn, at the limit once that is near. */
  ceiling() {
    const peaks = this.chart.lines.map(([name]) => summary(this.all.history.series[name])?.highest ?? 0);
    const peak = Math.max(this.chart.floor, ...peaks) * 1.15;
    const limit = this.limits().findLast((value) => value !== null);
    return peak > limit / 3 ? Math.max(peak, limit * 1.05) : peak;
  }

  /** Times of day, with their seconds where the minutes alone would repeat; none beyond the edge. */
  times(plot, ticks) {
    const length = ticks.length > 1 && ticks[1] - ticks[0] < 60 ? 8 : 5;
    const edge = this.canvas.clientWidth - length * HALF_A_DIGIT;
    const fits = (tick) => plot.valToPos(tick, "x") + AXIS <= edge;
    return ticks.map((tick) => fits(tick) ? clock(new Date(tick * 1000)).slice(0, length) : "");
  }

  short(value) {
    return this.chart.words(value).replace(".00", "").replace(".0", "");
  }
}

/** Whether a value stands between two unknown ones: a line would not show it. */
function alone(plot, series) {
  const known = (at) => (plot.data[series][at] ?? null) !== null;
  return plot.data[0].map((_, at) => at).filter((at) => known(at) && !known(at - 1) && !known(at + 1));
}

function share(cpus) {
  return cpus === null ? "100\u00a0% is one CPU" : `of ${percent(cpus * 100).replace(".0", "")} (${count(cpus, "CPU")})`;
}
