// The processes, and the file system's changes: asked for while their panels are open.

import { code, el, quiet } from "./dom.js";
import { Drawer, engineMissing } from "./drawer.js";
import * as words from "./words.js";

const EVERY = 5000;
const FEW = 25;
const MANY = 200;
const CLIP = 300;
const KIB = 1024;
const OF_KERNEL = "/v1/top?source=kernel";
const OF_ENGINE = `/v1/top?args=${encodeURIComponent("-eo pid,ppid,uid,stat,rss,pcpu,args")}`;

/** Rows of /v1/top as processes; the kernel's have a share of a CPU since the list before. Pure. */
export function processes({ titles, processes: rows }, before, seconds) {
  return rows.map((row) => {
    const of = Object.fromEntries(titles.map((title, index) => [title, row[index]]));
    const number = (title) => of[title] ? Number(of[title]) : null;
    const spent = number("TIME");
    const last = before.find(({ pid }) => pid === of.PID)?.spent ?? null;
    const rose = spent !== null && last !== null && spent >= last;
    return {
      pid: of.PID,
      user: of.UID,
      state: of.S ?? of.STAT,
      memory: number("RSS") === null ? null : number("RSS") * KIB,
      swap: number("SWAP") * KIB,
      spent,
      cpu: rose ? 100 * (spent - last) / seconds : number("%CPU"),
      command: of.COMMAND ?? of.CMD ?? "",
    };
  });
}

export class Processes extends Drawer {
  constructor(agent) {
    super("processes", "Processes");
    this.agent = agent;
    this.list = [];
    this.readAt = 0;
    this.by = "memory";
    this.most = FEW;
    this.rows = el("tbody");
    this.heads = ["memory", "cpu"].map((by) => this.head(by));
    this.more = el("button", { type: "button", class: "older" });
    this.more.addEventListener("click", () => { this.most = this.list.length; this.draw(this.list); });
    this.body.append(
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Processes of the container" },
        el("table", { class: "listing" },
          el("thead", null, el("tr", null, this.heads,
            ["PID", "User", "State", "Command"].map((title) => el("th", { scope: "col" }, title)))),
          this.rows)),
      this.more,
    );
  }

  /** The kernel's list where it has one, for that asks no engine; the engine's costs a `ps` on its machine. */
  async ask() {
    const away = engineMissing(this.latest);
    let kernel = this.latest.sample?.source !== "engine";
    if (!kernel && away) throw away;
    const document = await this.agent.ask(kernel ? OF_KERNEL : OF_ENGINE).catch((error) => {
      if (!kernel || away || error.status !== 404) throw error;
      kernel = false;
      return this.agent.ask(OF_ENGINE);
    });
    this.every = kernel ? EVERY : null;
    const now = performance.now() / 1000;
    const list = processes(document, this.list, now - this.readAt);
    this.readAt = now;
    return list;
  }

  head(by) {
    const button = el("button", { type: "button" }, by === "cpu" ? "CPU" : "Memory");
    button.addEventListener("click", () => { this.by = by; this.draw(this.list); });
    return el("th", { scope: "col", class: "figure", "data-by": by }, button);
  }

  draw(list) {
    this.list = list;
    for (const head of this.heads) head.ariaSort = head.dataset.by === this.by ? "descending" : "none";
    const rank = (one) => [one[this.by] ?? -1, one.spent ?? 0];
    const order = (one, other) => rank(other)[0] - rank(one)[0] || rank(other)[1] - rank(one)[1];
    this.rows.replaceChildren(...[...list].sort(order).slice(0, this.most).map((one) => el("tr", null,
      el("td", { class: "figure" }, words.bytes(one.memory), one.swap > 0 && el("div", { class: "quiet" }, `${words.bytes(one.swap)} swapped`)),
      el("td", { class: "figure" }, one.cpu === null ? "…" : words.percent(one.cpu), one.spent >= 1 && el("div", { class: "quiet" }, `${words.duration(one.spent)} in all`)),
      el("td", null, one.pid), el("td", null, one.user), el("td", null, one.state),
      el("td", { class: "command" }, el("bdi", { class: "code" }, one.command.slice(0, CLIP), one.command.length > CLIP && "…")),
    )));
    this.count.textContent = `(${list.length})`;
    this.more.hidden = list.length <= this.most;
    this.more.textContent = `Show all ${list.length}`;
  }
}

const KINDS = { added: "good", modified: "warn", deleted: "bad" };

export class Changes extends Drawer {
  constructor(agent) {
    super("changes", "File changes");
    this.agent = agent;
    this.most = MANY;
  }

  async ask() {
    const away = engineMissing(this.latest);
    if (away) throw away;
    return (await this.agent.ask("/v1/changes")).changes;
  }

  draw(changes) {
    const counted = Object.keys(KINDS).map((kind) => [changes.filter((change) => change.kind === kind).length, kind]);
    const rest = changes.length - this.most;
    const more = el("button", { type: "button", class: "older", hidden: rest <= 0 }, `Show more (${rest})`);
    more.addEventListener("click", () => { this.most *= 5; this.draw(changes); });
    this.count.textContent = `(${changes.length})`;
    this.body.replaceChildren(
      quiet(counted.filter(([count]) => count).map((words) => words.join(" ")).join(", ") || "Nothing differs from the image."),
      el("ul", { class: "paths", tabindex: "0", "aria-label": "Changed files" }, changes.slice(0, this.most).map(({ path, kind }) =>
        el("li", null, el("span", { class: KINDS[kind] }, kind ?? words.UNKNOWN), " ", el("bdi", null, code(path))))),
      more,
    );
  }
}
