// Documents of the agent as what stands in the page's panels.

import { byId, code, el, mark, pairs, plain, quiet, scrolls, show, table } from "./dom.js";
import * as words from "./words.js";

const MASKED = "[masked]";
const NO_LIMIT = "no limit";

/**
 * The banner: what this container is, and how it is.
 * @param standing `starting` during the agent's first look, `refused` where it does not know the
 *   container, `last` where this is what was last known, else `current`.
 */
export function banner(self, identity, standing) {
  const id = self?.id ?? identity?.id ?? "";
  const title = plain((self?.name ?? identity?.name ?? self?.hostname ?? id.slice(0, 12)) || "This container");
  const health = self?.health?.status;
  byId("name").textContent = title;
  document.title = [title, standing === "last" ? "last known" : health ?? self?.state].filter(Boolean).join(": ");
  show(byId("states"), [self?.state, self?.stopping?.signal, health, standing], () => states(self, health, standing));
  if (!self) return;
  const { short_id: used, image, hostname, host, started_at: start } = self;
  const short = used ?? id.slice(0, 12);
  show(byId("brief"), [short, used, title, image, hostname, host?.name, start], () => [
    ["ID", short && [code(short), !used && el("span.warn", " assumed, not used")]],
    ["Image", image.reference],
    ["Hostname", hostname !== title && hostname !== short && hostname],
    ["Host", host?.name],
    ["Up for", start && el("span", { id: "uptime" })],
    ["Times in", words.zone(new Date())],
  ].filter(([, value]) => value).map(([name, value]) => el("div", el("dt", name), el("dd", value))));
}

function states(self, health, standing) {
  if (standing === "starting") return mark("Starting", "neutral");
  if (!self) return mark("Not identified", "bad");
  const state = self.stopping ? "stopping" : self.state;
  return [state, health].map((word) => word && badge(word, standing));
}

function badge(word, standing) {
  return standing === "last" ? mark(`Last known: ${word}`, "neutral") : mark(words.capital(word), words.tone(word));
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
    ? el("ul", found.map(({ tone, title, text, output, advice }) => el(`li.notice.${tone}`,
      el("h3", title),
      text && el("p", text),
      output && el("pre.tail", scrolls("The end of its output"), output),
      advice && el("p.advice", `What helps: ${advice}`),
    )))
    : quiet(starting ? "The agent is still looking which container this is." : "Nothing stands out."));
}

const TAIL = 8;

/** The health check: how it stands, and its last results, equal ones in a row once. */
export function health({ health, inspected_at: asOf }, standing) {
  byId("health").hidden = asOf === null;
  show(byId("health-body"), [health, health && asOf, standing], () => {
    if (!health) return quiet("The container has no health check.");
    const streak = health.failing_streak;
    const last = words.moment(health.log.at(-1)?.end);
    return [
      el("p", badge(health.status, standing),
        streak > 0 && ` ${words.count(streak, "failure")} in a row`),
      el("p.quiet.small", `${last ? `Last check at ${words.dayAndClock(last)}, as` : "As"}`
        + ` the engine reported at ${words.dayAndClock(words.moment(asOf))}.`),
      el("ol.checks", words.alike([...health.log].reverse(), ({ exit_code: ended, output }) => `${ended} ${output}`).map(check)),
    ];
  });
}

function check(checks) {
  const [newest] = checks;
  const times = checks.map(({ start }) => words.moment(start)).filter(Boolean);
  const [first = ""] = times.slice(-1).map(words.dayAndClock);
  const ended = words.moment(newest.end);
  const took = checks.length === 1 && first && ended ? `, took ${Math.max(0, ended - times[0])}\u00a0ms` : "";
  const at = times.length > 1 ? `${first} to ${words.clock(times[0])}` : first;
  return el("li",
    el("p", el(newest.exit_code === 0 ? "span.good" : "span.bad", words.capital(words.verdict(newest))),
      checks.length > 1 && el("span.often", ` ${words.times(checks.length)}`),
      " ", el("span.quiet", `${at}${took}`)),
    newest.output.trim() && output(newest.output),
  );
}

/** The last lines of an output, where errors are; all of it on demand. */
function output(text) {
  const { end, whole, before } = words.tail(text, TAIL);
  return [
    el("pre.tail", scrolls(whole ? "Output of the check" : "The end of the check's output"), end),
    !whole && el("details", { "data-key": end },
      el("summary.small", before ? `All ${words.count(before + TAIL, "line")}` : "All of it"),
      el("pre", scrolls("All output of the check"), text.trimEnd())),
  ];
}

/** Ports, networks, mounts, limits, the process, names; a panel without data is hidden. */
export function facts(self) {
  const { health: _, inspected_at: __, ...rest } = self; // without what each check changes
  const panel = (id, make, given = self[id]) => {
    byId(id).parentElement.hidden = given === null;
    if (given !== null) show(byId(id), rest, () => make(self));
  };
  panel("ports", ports);
  panel("networks", networks);
  panel("mounts", mounts);
  panel("limits", limits);
  panel("process", process, self.command);
  for (const [id, noun] of [["env", "variable"], ["labels", "label"]]) {
    panel(id, () => named(self[id]));
    byId(`${id}-count`).textContent = words.count(Object.keys(self[id] ?? {}).length, noun);
  }
}

function ports({ ports, port_bindings: bindings }) {
  const all = Object.entries(ports).flatMap(([port, protocols]) => Object.keys(protocols).map((each) => `${port}/${each}`));
  return rows("Ports of the container and where the host publishes them", ["In the container", "On the host"], all.map((port) => {
    const places = (bindings?.[port] ?? [])
      .map(({ host_ip: ip, host_port: at }) => el("div", `${ip.includes(":") ? `[${ip}]` : ip}:${at}`));
    return [port, places.length ? places : quiet("not published")];
  }));
}

function networks({ networks, short_id: own }) {
  return rows("Networks the container is in", ["Network", "Address"], Object.entries(networks).map(([name, network]) => {
    const { ip, ipv6, gateway } = network;
    const called = network.aliases.filter((alias) => alias !== own).join(", ");
    return [
      [name, below(called && `as ${called}`)],
      [ip && el("div", ip), ipv6 && el("div", ipv6), below(gateway && `by ${gateway}`)],
    ];
  }));
}

function mounts({ mounts }) {
  return rows("Mounts in the container", ["In the container", "From"], mounts.map(({ type, source, destination, name, read_only: fixed }) => [
    code(destination),
    [name ?? (source ? code(source) : "in memory"), below(`${type}, ${fixed ? "read-only" : "writable"}`)],
  ]), "halves");
}

function rows(caption, heads, all, kind) {
  return all.length ? table(caption, heads, all, kind) : quiet("None.");
}

function below(text) {
  return text && el("div.quiet", text);
}

function limits({ limits }) {
  const size = (value) => value === null ? NO_LIMIT : words.bytes(value);
  return pairs([
    ["CPUs", limits.cpus === null ? NO_LIMIT : String(limits.cpus)],
    limits.cpuset && ["On CPUs", limits.cpuset],
    limits.cpu_shares && ["CPU shares", String(limits.cpu_shares)],
    ["Memory", size(limits.memory_bytes)],
    limits.memory_reservation_bytes && ["Reserved", size(limits.memory_reservation_bytes)],
    ["With swap", size(limits.memory_swap_bytes)],
    ["Tasks", limits.pids === null ? NO_LIMIT : String(limits.pids)],
  ]);
}

function process(self) {
  const at = words.moment(self.created_at);
  const policy = self.restart_policy;
  const member = (record) => record && Object.values(record).filter((value) => value !== null).join(" / ");
  return pairs([
    ["Command", self.command && code(self.command.join(" "))],
    ["User", self.user === "" ? "root" : self.user],
    ["Folder", self.working_dir === null ? null : code(self.working_dir || "/")],
    ["Restarts", policy && `${policy.name || "no"}${policy.maximum_retries ? `, at most ${policy.maximum_retries}` : ""}; ${words.times(self.restart_count ?? 0)} so far`],
    ["Created", at && words.dayAndClock(at)],
    ...["Compose", "Swarm", "Kubernetes"].map((name) => [name, member(self[name.toLowerCase()])]).filter(([, placed]) => placed),
  ]);
}

function named(values) {
  const entries = Object.entries(values).sort(([one], [other]) => one < other ? -1 : 1);
  return entries.length ? pairs(entries.map(([name, value]) => [
    name, el(value.includes(MASKED) ? "span.masked" : "span", value),
  ]), "names") : quiet("None.");
}

const SCOPES = { ipc: "shared memory", pid: "first process" };

export function identity(document, starting) {
  show(byId("identity"), [document, starting], ([{ id, level, method, reason, candidates }]) => [
    el("p.lead", level
      ? [mark(words.capital(level), words.tone(level)), ` ${words.proof(level, method)}`]
      : [starting ? mark("Starting", "neutral") : mark("Refused", "bad"), ` ${words.sentence(reason)}`]),
    id && el("p.lead", el("span.quiet", "Full ID "), code(id)),
    candidates.length > 0 && el("details", { "data-key": "evidence", open: level !== "proven" && !starting },
      el("summary", `Evidence (${candidates.length})`),
      table("Evidence of which container this is", ["Found in", "Verdict"], candidates.map((one) => [
        [one.source, el("span.quiet", `, of the ${SCOPES[one.scope] ?? one.scope}`),
          el("div.quiet.code", one.evidence)],
        [el("span.code", { title: one.id }, one.id.slice(0, 12)), " ",
          el(`span.${words.tone(one.verdict)}`, one.verdict), below(one.reason)],
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
    const { product, version, api_version: api, endpoint, encrypted, reachable, capabilities, failure, tried } = document;
    const those = (access) => Object.keys(capabilities).filter((name) => capabilities[name] === access);
    const denied = those("denied");
    return [
      product ? pairs([
        ["Engine", `${product} ${version ?? ""}`.trim()],
        ["API", api],
        ["Reached at", code(endpoint)],
        ["Machine", machine(host ?? document)],
        encrypted !== null && ["In transit", encrypted ? "encrypted" : el("span.bad", "unencrypted: whoever reads the traffic can become root on that host")],
        ["Now", reachable ? "answers" : el("span.warn", "away")],
      ]) : el("p", failure ? "No engine answers." : "No engine has been asked yet."),
      el("div.stack",
        product && el("div", el("h3", "What the agent may ask"),
          pairs(Object.entries(ACCESS).map(([access, [word, tone]]) =>
            those(access).length > 0 && [word, el(`span.${tone}`, those(access).join(", "))]))),
        denied.length > 0 && el("p.quiet",
          `Denied, by the engine or a proxy before it: ${denied.join(", ")}. ${words.sentence(words.PROXY)}`),
        tried.length > 0 && el("div", el("h3", "Where the agent looked for an engine"),
          table("Places where the agent looked for an engine", ["Place", "Outcome"], tried.map((place) => [code(place.endpoint), place.outcome]), "places")),
      ),
    ];
  });
}

function machine({ name, os, kernel, architecture, cpus, memory_bytes: memory }) {
  return [name, os, kernel, architecture, cpus && words.count(cpus, "CPU"), memory && words.bytes(memory)]
    .filter(Boolean).join(", ") || null;
}
