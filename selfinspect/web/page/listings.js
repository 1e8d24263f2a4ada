// Panels that ask only while they are open: the processes, and the file system's changes.

import { UnauthorizedError } from "./agent.js";
import { byId, code, el, quiet, scrolls } from "./dom.js";
import * as words from "./words.js";

const EVERY = 5000;
const FEW = 25;
const MANY = 200;
const CLIP = 300;
const KIB = 1024;
const OF_KERNEL = "/v1/top?source=kernel";
const OF_ENGINE = `/v1/top?args=${encodeURIComponent("-eo pid,ppid,uid,stat,rss,pcpu,args")}`;

/** Why an engine cannot be asked for something, null where it can. */
export function engineMissing({ self, engine, missing }, capability) {
  if (!self?.engine || !engine?.reachable) {
    const { detail, message, hint = null } = engine?.failure ?? missing ?? {};
    return { message: detail ?? message ?? "no engine answers, and only one has this", hint };
  }
  return engine.capabilities[capability] === "denied" ? {
    message: `the engine, or a proxy before it, denies ${capability}`,
    hint: `${words.PROXY}; then refresh`,
  } : null;
}

export function reason({ message, hint }) {
  return `${words.sentence(message)}${hint ? ` What helps: ${hint}` : ""}`;
}

/** Asks for its content when it is opened, and every so many milliseconds while it is open and seen. */
class Drawer {
  every = null;
  latest = {};
  list = [];
  timer = null;
  busy = false;
  locked = false;
  count = el("span.quiet");
  content = el("div");
  note = el("p.note.quiet.small");

  constructor(agent, id, title, most) {
    this.agent = agent;
    this.most = most; // entries that are shown
    this.more = el("button.older", { type: "button" });
    this.body = el("div.body", { hidden: true }, this.content, this.more);
    const again = el("button", { type: "button" }, "Refresh");
    this.place = byId(id);
    this.place.append(
      el("summary", el("h2", title, " ", this.count)),
      this.body, el("div.foot", this.note, again),
    );
    this.more.addEventListener("click", () => { this.most *= 5; this.show(this.list); });
    again.addEventListener("click", () => this.begin());
    this.place.addEventListener("toggle", () => this.begin());
    document.addEventListener("visibilitychange", () => { if (this.every) this.begin(); });
  }

  /** Take what is known of the container; ask again where only the token was missing. */
  update(latest) {
    this.latest = latest;
    if (this.locked) this.begin();
  }

  show(list) {
    this.list = list;
    this.count.textContent = `(${list.length})`;
    this.more.hidden = list.length <= this.most;
    this.more.textContent = `Show more (${list.length - this.most})`;
    this.draw(list, this.most);
  }

  async begin() {
    clearTimeout(this.timer);
    if (!this.place.open || document.visibilityState === "hidden" || this.busy) return;
    this.busy = true;
    let again = true;
    try {
      this.show(await this.ask());
      this.note.textContent = `As of ${words.clock(new Date())}.`;
      this.body.hidden = false;
    } catch (error) {
      this.locked = error instanceof UnauthorizedError;
      if (error.hint !== undefined) again = false; // a refusal, which will not go away
      this.body.hidden = true;
      this.note.textContent = reason(error);
    }
    this.busy = false;
    if (again && this.every) this.timer = setTimeout(() => this.begin(), this.every);
  }
}

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
  readAt = 0;
  by = "memory";
  rows = el("tbody");

  constructor(agent) {
    super(agent, "processes", "Processes", FEW);
    this.heads = [["memory", "Memory"], ["cpu", "CPU"]].map(([by, title]) => {
      const button = el("button", { type: "button" }, title);
      button.addEventListener("click", () => { this.by = by; this.show(this.list); });
      return el("th.figure", { scope: "col", "data-by": by }, button);
    });
    this.content.append(
      el("div.scroll", scrolls("Processes of the container"),
        el("table.listing",
          el("thead", el("tr", this.heads,
            ["PID", "User", "State", "Command"].map((title) => el("th", { scope: "col" }, title)))),
          this.rows)),
    );
  }

  /** The kernel's list where it has one, for that asks no engine; the engine's costs a `ps` on its machine. */
  async ask() {
    const away = engineMissing(this.latest, "top");
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

  draw(list, most) {
    for (const head of this.heads) head.ariaSort = head.dataset.by === this.by ? "descending" : "none";
    const order = (one, other) => (other[this.by] ?? -1) - (one[this.by] ?? -1) || other.spent - one.spent;
    const figure = (said, more) => el("td.figure", said, more && el("div.quiet", more));
    this.rows.replaceChildren(...[...list].sort(order).slice(0, most).map((one) => el("tr",
      figure(words.bytes(one.memory), one.swap > 0 && `${words.bytes(one.swap)} swapped`),
      figure(one.cpu === null ? "…" : words.percent(one.cpu), one.spent >= 1 && `${words.duration(one.spent)} in all`),
      [one.pid, one.user, one.state].map((each) => el("td", each)),
      el("td.command", el("bdi.code", one.command.slice(0, CLIP), one.command.length > CLIP && "…")),
    )));
  }
}

const KINDS = { added: "good", modified: "warn", deleted: "bad" };

export class Changes extends Drawer {
  constructor(agent) {
    super(agent, "changes", "File changes", MANY);
  }

  async ask() {
    const away = engineMissing(this.latest, "changes");
    if (away) throw away;
    return (await this.agent.ask("/v1/changes")).changes;
  }

  draw(changes, most) {
    const counted = Object.keys(KINDS).map((kind) => [changes.filter((change) => change.kind === kind).length, kind]);
    this.content.replaceChildren(
      quiet(counted.filter(([count]) => count).map((each) => each.join(" ")).join(", ") || "Nothing differs from the image."),
      el("ul.paths", { tabindex: "0", "aria-label": "Changed files" }, changes.slice(0, most).map(({ path, kind }) =>
        el("li", el(`span.${KINDS[kind] ?? ""}`, kind ?? words.UNKNOWN), " ", el("bdi", code(path))))),
    );
  }
}
