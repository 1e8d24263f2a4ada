// Documents of the agent as what stands in the page's panels.

import { byId, code, el, mark, pairs, plain, quiet, show, table } from "./dom.js";
import * as words from "./words.js";

const MASKED = "[masked]";
const NO_LIMIT = "no limit";

/**
 * The banner: what this container is, and how it is.
 * @param standing `starting` during the agent's first look, `refused` where it does not know the
 *   container, `last` where this is what was last known, else `current`.
 */
export function banner(self, identity, standing) {
  const id = self?.id ?? identity?.id ?? null;
  const name = self?.name ?? identity?.name ?? null;
  const title = plain(name ?? self?.hostname ?? (id ? id.slice(0, 12) : "This container"));
  const health = self?.health?.status ?? null;
  byId("name").textContent = title;
  document.title = [title, standing === "last" ? "last known" : health ?? self?.state].filter(Boolean).join(": ");
  show(byId("states"), [self?.state, self?.stopping?.signal, health, standing], () => states(self, health, standing));
  const short = self?.short_id ?? id?.slice(0, 12) ?? null;
  show(byId("brief"), [short, self?.short_id, self?.image, self?.started_at, self?.hostname, self?.host?.name], () => self ? [
    short && term("ID", self.short_id ? code(short) : [code(short), el("span", { class: "warn" }, " assumed, not used")]),
    self.image.reference && term("Image", self.image.reference),
    self.hostname && self.hostname !== title && self.hostname !== short && term("Hostname", self.hostname),
    self.host?.name && term("Host", self.host.name),
    self.started_at && term("Up for", el("span", { id: "uptime" })),
    term("Times in", words.zone(new Date())),
  ] : []);
}

function states(self, health, standing) {
  if (standing === "starting") return mark("Starting", "neutral");
  if (!self) return mark("Not identified", "bad");
  const badge = (word, tone) => word && (standing === "last"
    ? mark(`Last known: ${word}`, "neutral") : mark(words.capital(word), tone));
  const state = self.stopping ? "stopping" : self.state;
  return [badge(state, words.toneOfState(state)), badge(health, words.toneOfHealth(health))];
}

/** The time since the start, while it runs, or until it was last seen to. */
export function uptime(self, lostAt) {
  const place = byId("uptime");
  if (!place) return;
  const runs = ["running", "paused", null].includes(self.state);
  const seconds = ((lostAt ?? new Date()) - words.moment(self.started_at)) / 1000;
  place.textContent = runs ? words.duration(seconds) : "not running";
}

export function notices(found, starting) {
  show(byId("attention-list"), [found, starting], () => found.length
    ? el("ul", null, found.map(({ tone, title, text, output, advice }) => el("li", { class: `notice ${tone}` },
      el("h3", null, title),
      text && el("p", null, text),
      output && el("pre", { class: "output tail", tabindex: "0", role: "group", "aria-label": "The end of its output" }, output),
      advice && el("p", { class: "advice" }, `What helps: ${advice}`),
    )))
    : el("p", { class: "calm" }, starting ? "The agent is still looking which container this is." : "Nothing stands out."));
}

const TAIL = 8;

/** The health check: how it stands, and its last results, equal ones in a row once. */
export function health({ health, inspected_at: asOf }, standing) {
  byId("health").hidden = asOf === null;
  show(byId("health-body"), [health, health && asOf, standing], () => {
    if (!health) return quiet("The container has no health check.");
    const streak = health.failing_streak;
    const tone = standing === "last" ? "neutral" : words.toneOfHealth(health.status);
    const last = words.moment(health.log.at(-1)?.end);
    return [
      el("p", null, mark(standing === "last" ? `Last known: ${health.status}` : words.capital(health.status), tone),
        streak ? ` ${words.count(streak, "failure")} in a row` : ""),
      el("p", { class: "quiet small" }, `${last ? `Last check at ${words.dayAndClock(last)}, as` : "As"}`
        + ` the engine reported at ${words.dayAndClock(words.moment(asOf))}.`),
      el("ol", { class: "checks" }, alike([...health.log].reverse()).map(check)),
    ];
  });
}

/** Checks from the newest on; those in a row with one result and output together. */
function alike(checks) {
  const groups = [];
  for (const one of checks) {
    const key = `${one.exit_code} ${one.output}`;
    if (groups.at(-1)?.key === key) groups.at(-1).checks.push(one);
    else groups.push({ key, checks: [one] });
  }
  return groups.map(({ checks }) => checks);
}

function check(checks) {
  const [newest] = checks;
  const times = checks.map(({ start }) => words.moment(start)).filter(Boolean);
  const ended = words.moment(newest.end);
  const took = checks.length === 1 && times[0] && ended ? `, took ${Math.max(0, ended - times[0])}\u00a0ms` : "";
  const at = !times.length ? ""
    : checks.length > 1 ? `${words.dayAndClock(times.at(-1))} to ${words.clock(times[0])}` : words.dayAndClock(times[0]);
  return el("li", null,
    el("p", null, el("span", { class: newest.exit_code === 0 ? "good" : "bad" }, words.capital(words.verdict(newest))),
      checks.length > 1 && el("span", { class: "often" }, ` ${words.times(checks.length)}`),
      " ", el("span", { class: "quiet" }, `${at}${took}`)),
    newest.output.trim() && output(newest.output),
  );
}

/** The last lines of an output, where errors are; all of it on demand. */
function output(text) {
  const { end, whole, before } = words.tail(text, TAIL);
  const box = (label, content, kind = "output") => el("pre", { class: kind, tabindex: "0", role: "group", "aria-label": label }, content);
  return [
    box(whole ? "Output of the check" : "The end of the check's output", end, "output tail"),
    !whole && el("details", { "data-key": end },
      el("summary", { class: "small" }, before ? `All ${words.count(before + TAIL, "line")}` : "All of it"),
      box("All output of the check", text.trimEnd())),
  ];
}

/** Ports, networks, mounts, limits, the process, names; a panel without data is hidden. */
export function facts(self) {
  const panel = (id, value, data, make) => {
    byId(id).closest("section").hidden = value === null;
    if (value !== null) show(byId(id), data, make);
  };
  panel("ports", self.ports, [self.ports, self.port_bindings], () => ports(self));
  panel("networks", self.networks, self.networks, () => networks(self));
  panel("mounts", self.mounts, self.mounts, mounts);
  panel("limits", self.limits, self.limits, limits);
  panel("process", self.command, [
    self.command, self.user, self.working_dir, self.restart_policy, self.restart_count,
    self.created_at, self.compose, self.swarm, self.kubernetes,
  ], () => process(self));
  byId("env").closest("section").hidden = self.env === null && self.labels === null;
  named("env", self.env, "variable");
  named("labels", self.labels, "label");
}

function ports({ ports, port_bindings: bindings }) {
  const rows = Object.entries(ports).flatMap(([port, protocols]) =>
    Object.keys(protocols).map((protocol) => {
      const hosts = bindings?.[`${port}/${protocol}`] ?? [];
      const places = hosts.map(({ host_ip: ip, host_port: at }) => el("div", null, `${ip.includes(":") ? `[${ip}]` : ip}:${at}`));
      return [`${port}/${protocol}`, places.length ? places : quiet("not published")];
    }));
  return rows.length ? table("Ports of the container and where the host publishes them", ["In the container", "On the host"], rows)
    : quiet("None is exposed or published.");
}

function networks({ networks, short_id: own }) {
  const rows = Object.entries(networks).map(([name, { ip, ipv6, gateway, aliases }]) => {
    const called = aliases.filter((alias) => alias !== own);
    return [
      el("div", null, name, called.length > 0 && el("div", { class: "quiet" }, `as ${called.join(", ")}`)),
      [
        ...[ip, ipv6].filter(Boolean).map((address) => el("div", null, address)),
        gateway && el("div", { class: "quiet" }, `by ${gateway}`),
      ],
    ];
  });
  return rows.length ? table("Networks the container is in", ["Network", "Address"], rows) : quiet("None.");
}

function mounts(mounts) {
  const rows = mounts.map(({ type, source, destination, name, read_only: readOnly }) => [
    code(destination),
    el("div", null, name ?? (source ? code(source) : "in memory"),
      el("div", { class: "quiet" }, `${type}, ${readOnly ? "read-only" : "writable"}`)),
  ]);
  return rows.length ? table("Mounts in the container", ["In the container", "From"], rows, "halves") : quiet("None.");
}

function limits(limits) {
  const size = (value) => value === null ? NO_LIMIT : words.bytes(value);
  return pairs([
    ["CPUs", limits.cpus === null ? NO_LIMIT : String(limits.cpus)],
    limits.cpuset && ["On CPUs", limits.cpuset],
    limits.cpu_shares && ["CPU shares", String(limits.cpu_shares)],
    ["Memory", size(limits.memory_bytes)],
    limits.memory_reservation_bytes && ["Reserved", size(limits.memory_reservation_bytes)],
    ["With swap", size(limits.memory_swap_bytes)],
    ["Tasks", limits.pids === null ? NO_LIMIT : String(limits.pids)],
  ].filter(Boolean));
}

function process(self) {
  const at = words.moment(self.created_at);
  const policy = self.restart_policy;
  const member = (record) => record && Object.values(record).filter((value) => value !== null).join(" / ");
  const placed = [["Compose", self.compose], ["Swarm", self.swarm], ["Kubernetes", self.kubernetes]];
  return pairs([
    ["Command", self.command && code(self.command.join(" "))],
    ["User", self.user === "" ? "root" : self.user],
    ["Folder", self.working_dir === null ? null : code(self.working_dir || "/")],
    ["Restarts", policy && `${policy.name || "no"}${policy.maximum_retries ? `, at most ${policy.maximum_retries}` : ""}; ${words.times(self.restart_count ?? 0)} so far`],
    ["Created", at && words.dayAndClock(at)],
    ...placed.filter(([, record]) => record).map(([name, record]) => [name, member(record)]),
  ]);
}

function named(place, values, noun) {
  byId(`${place}-count`).textContent = values ? words.count(Object.keys(values).length, noun) : words.UNKNOWN;
  show(byId(place), values, () => {
    if (!values) return quiet("Only an engine reports it.");
    const entries = Object.entries(values).sort(([one], [other]) => one < other ? -1 : 1);
    return entries.length ? pairs(entries.map(([name, value]) => [
      name, el("span", value.includes(MASKED) ? { class: "masked" } : null, value),
    ]), "names") : quiet("None.");
  });
}

const SCOPES = { ipc: "shared memory", pid: "first process" };
const LEVEL_TONES = { proven: "good", confirmed: "good", observed: "neutral", assumed: "warn" };
const VERDICT_TONES = { proven: "good", confirmed: "good", chosen: "good", disproved: "warn" };

/** The identity, with each piece of evidence. */
export function identity(document, used, starting) {
  show(byId("identity"), [document, used, starting], ([{ id, level, method, reason, candidates }]) => [
    el("p", { class: "lead" }, level
      ? [mark(words.capital(level), LEVEL_TONES[level] ?? "neutral"), ` ${words.proof(level, method)}`]
      : [starting ? mark("Starting", "neutral") : mark("Refused", "bad"), ` ${words.sentence(reason)}`]),
    level && !used && el("p", { class: "lead" }, words.UNUSED),
    id && el("p", { class: "lead" }, el("span", { class: "quiet" }, "Full ID "), code(id)),
    candidates.length > 0 && el("details", { "data-key": "evidence", open: level !== "proven" && !starting },
      el("summary", null, `Evidence (${candidates.length})`),
      table("Evidence of which container this is", ["Found in", "Verdict"], candidates.map((one) => [
        el("div", null, one.source, el("span", { class: "quiet" }, `, of the ${SCOPES[one.scope] ?? one.scope}`),
          el("div", { class: "quiet code" }, one.evidence)),
        el("div", null, el("span", { class: "code", title: one.id }, one.id.slice(0, 12)), " ",
          el("span", { class: VERDICT_TONES[one.verdict] ?? "" }, one.verdict), el("div", { class: "quiet" }, one.reason)),
      ]), "evidence")),
  ]);
}

const ACCESS = {
  allowed: ["Allowed", "good"],
  denied: ["Denied", "bad"],
  unsupported: ["Not supported", "warn"],
  unknown: ["Not asked yet", "quiet"],
};

/** Which engine answers, what it denies us, and where else it was looked for. */
export function engine(document, host) {
  show(byId("engine"), [document, host], () => {
    const { product, version, api_version: api, endpoint, encrypted, os, kernel, reachable, capabilities, failure, tried } = document;
    const denied = Object.keys(capabilities).filter((name) => capabilities[name] === "denied");
    return [
      product ? pairs([
        ["Engine", `${product} ${version ?? ""}`.trim()],
        ["API", api],
        ["Reached at", code(endpoint)],
        ["Machine", machine(host) ?? ([os, kernel].filter(Boolean).join(", ") || null)],
        encrypted === null ? null : ["In transit", encrypted ? "encrypted" : el("span", { class: "bad" }, "unencrypted: whoever reads the traffic can become root on that host")],
        ["Now", reachable ? "answers" : el("span", { class: "warn" }, "away")],
      ].filter(Boolean)) : el("p", null, failure ? "No engine answers." : "No engine has been asked yet."),
      failure && el("p", { class: "lead" }, `${words.sentence(failure.detail)} `, failure.hint && el("span", { class: "quiet" }, `What helps: ${failure.hint}`)),
      el("div", { class: "stack" },
        product && el("div", null, el("h3", null, "What the agent may ask"),
          pairs(Object.entries(ACCESS).map(([access, [word, tone]]) => {
            const those = Object.keys(capabilities).filter((name) => capabilities[name] === access);
            return those.length > 0 && [word, el("span", { class: tone }, those.join(", "))];
          }).filter(Boolean))),
        denied.length > 0 && el("p", { class: "quiet" },
          `Denied, by the engine or a proxy before it: ${denied.join(", ")}. On a socket proxy of Tecnativa or linuxserver CONTAINERS=1 (for the image IMAGES=1, for info INFO=1, for events EVENTS=1) allows it; selfinspect doctor names the exact request.`),
        tried.length > 0 && el("div", null, el("h3", null, "Where the agent looked for an engine"),
          table("Places where the agent looked for an engine", ["Place", "Outcome"], tried.map((place) => [code(place.endpoint), place.outcome]), "places")),
      ),
    ];
  });
}

function machine(host) {
  if (!host) return null;
  const { name, os, kernel, architecture, cpus, memory_bytes: memory } = host;
  return [name, os, kernel, architecture, cpus && words.count(cpus, "CPU"), memory && words.bytes(memory)]
    .filter(Boolean).join(", ") || null;
}

function term(name, value) {
  return el("div", null, el("dt", null, name), el("dd", null, value));
}
