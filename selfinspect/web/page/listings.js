// The processes, and the file system's changes: asked for while their panels are open.

import { Drawer, engineMissing } from "./drawer.js";
import { byId, code, el, quiet } from "./dom.js";
import * as words from "./words.js";

const EVERY = 5000;
const FEW = 25;
const MANY = 200;
const CLIP = 300;
const PS = encodeURIComponent("-eo pid,ppid,uid,stat,rss,pcpu,args");
const KIB = 1024;

/** Rows of /v1/top as processes; of the kernel's the share of a CPU is since the answer before. Pure. */
export function processes({ titles, processes }, before, seconds) {
  const at = Object.fromEntries(titles.map((title, index) => [title, index]));
  const number = (row, title) => {
    const text = row[at[title]] ?? "";
    return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
  };
  return processes.map((row) => {
    const [pid, spent] = [row[at.PID], number(row, "TIME")];
    const last = before?.find((each) => each.pid === pid)?.spent ?? null;
    const rose = spent !== null && last !== null && spent >= last && seconds > 0;
    return {
      pid,
      user: row[at.UID] ?? "",
      state: row[at.S] ?? row[at.STAT] ?? "",
      memory: number(row, "RSS") === null ? null : number(row, "RSS") * KIB,
      swap: (number(row, "SWAP") ?? 0) * KIB,
      spent,
      cpu: rose ? 100 * (spent - last) / seconds : number(row, "%CPU"),
      command: row[at.COMMAND] ?? row[at.CMD] ?? "",
    };
  });
}

export class Processes {
  constructor(agent) {
    this.agent = agent;
    this.list = null;
    this.readAt = 0;
    this.by = "memory";
    this.all = false;
    this.latest = {};
    this.drawer = new Drawer(byId("processes"), { ask: () => this.ask(), draw: (list) => this.draw(list), every: EVERY });
    this.rows = el("tbody");
    this.heads = Object.fromEntries(["memory", "cpu"].map((by) => [by, this.head(by)]));
    this.more = el("button", { type: "button", class: "older" });
    this.more.addEventListener("click", () => { this.all = !this.all; this.draw(this.list); });
    byId("processes-list").append(
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Processes of the container" }, el("table", { class: "listing" },
        el("caption", { class: "unseen" }, "Processes of the container"),
        el("thead", null, el("tr", null, this.heads.memory, this.heads.cpu,
          ["PID", "User", "State", "Command"].map((title) => el("th", { scope: "col" }, title)))),
        this.rows)),
      this.more,
    );
  }

  update(latest) {
    this.latest = latest;
    this.drawer.unlock();
  }

  /** The kernel's list where it has one, for that asks no engine; the engine's costs a `ps` on its machine. */
  async ask() {
    const { self, engine, missing, sample } = this.latest;
    const kernel = sample?.source !== "engine";
    this.drawer.every = kernel ? EVERY : null;
    const away = kernel ? null : engineMissing(self, engine, missing);
    if (away) throw away;
    try {
      return this.read(await this.agent.ask(kernel ? "/v1/top?source=kernel" : `/v1/top?args=${PS}`));
    } catch (error) {
      if (!kernel || error.status !== 404 || engineMissing(self, engine, missing)) throw error;
      this.drawer.every = null;
      return this.read(await this.agent.ask(`/v1/top?args=${PS}`));
    }
  }

  read(document) {
    const now = performance.now() / 1000;
    const list = processes(document, this.list, now - this.readAt);
    this.readAt = now;
    return list;
  }

  head(by) {
    const button = el("button", { type: "button" }, by === "cpu" ? "CPU" : "Memory");
    button.addEventListener("click", () => { this.by = by; this.draw(this.list); });
    return el("th", { scope: "col", class: "figure" }, button);
  }

  draw(list) {
    this.list = list;
    for (const [by, head] of Object.entries(this.heads)) {
      if (by === this.by) head.setAttribute("aria-sort", "descending");
      else head.removeAttribute("aria-sort");
    }
    const rank = (one) => one[this.by] ?? (this.by === "cpu" ? -1 / ((one.spent ?? 0) + 1) : -1);
    const sorted = [...list].sort((one, other) => rank(other) - rank(one));
    const shown = this.all ? sorted : sorted.slice(0, FEW);
    this.rows.replaceChildren(...shown.map(({ pid, user, state, memory, swap, cpu, spent, command }) => el("tr", null,
      el("td", { class: "figure" }, words.bytes(memory), swap > 0 && el("div", { class: "quiet" }, `${words.bytes(swap)} swapped`)),
      el("td", { class: "figure" }, cpu === null ? "…" : words.percent(cpu), spent !== null && el("div", { class: "quiet" }, `${words.duration(spent)} in all`)),
      el("td", null, pid), el("td", null, user), el("td", null, state),
      el("td", { class: "command" }, el("bdi", { class: "code" }, command.slice(0, CLIP), command.length > CLIP && "…")),
    )));
    byId("processes-count").textContent = `(${list.length})`;
    this.more.hidden = list.length <= FEW;
    this.more.textContent = this.all ? `Show the first ${FEW}` : `Show all ${list.length}`;
  }
}

const KINDS = { added: "good", modified: "warn", deleted: "bad" };

export class Changes {
  constructor(agent) {
    this.latest = {};
    this.shown = MANY;
    this.drawer = new Drawer(byId("changes"), {
      ask: async () => {
        const { self, engine, missing } = this.latest;
        const away = engineMissing(self, engine, missing);
        if (away) throw away;
        return (await agent.ask("/v1/changes")).changes;
      },
      draw: (changes) => this.draw(changes),
    });
  }

  update(latest) {
    this.latest = latest;
    this.drawer.unlock();
  }

  draw(changes) {
    byId("changes-count").textContent = `(${changes.length})`;
    const counted = Object.keys(KINDS)
      .map((kind) => [kind, changes.filter((change) => change.kind === kind).length]).filter(([, count]) => count);
    const rest = changes.length - this.shown;
    const more = rest > 0 && el("button", { type: "button", class: "older" }, `Show more (${rest})`);
    more && more.addEventListener("click", () => { this.shown *= 5; this.draw(changes); });
    byId("changes-list").replaceChildren(...[
      changes.length ? el("p", null, counted.map(([kind, count]) => `${count} ${kind}`).join(", ")) : quiet("Nothing differs from the image."),
      el("ul", { class: "paths", tabindex: "0", "aria-label": "Changed files" }, changes.slice(0, this.shown).map(({ path, kind }) => el("li", null,
        el("span", { class: KINDS[kind] ?? "" }, kind ?? words.UNKNOWN), " ", el("bdi", null, code(path))))),
      more,
    ].filter(Boolean));
  }
}
