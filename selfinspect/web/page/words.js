// Figures, times and states in words. Pure. null is unknown, and is shown as that.

const GAP = "\u00a0";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const LONGEST_TAIL = 600;
export const UNKNOWN = "unknown";

export function bytes(count = null) {
  if (count === null) return UNKNOWN;
  let power = 0;
  for (; count >= 1023.5 && power < BINARY.length - 1; power += 1) count /= 1024;
  const whole = !power || count >= 99.95 || Number.isInteger(count);
  return `${whole ? Math.round(count) : count.toPrecision(3)}${GAP}${BINARY[power]}`;
}

export function rate(perSecond = null) {
  return perSecond === null ? UNKNOWN : `${bytes(perSecond)}/s`;
}

export function percent(value = null) {
  return value === null ? UNKNOWN : `${value.toFixed(value >= 99.95 ? 0 : 1)}${GAP}%`;
}

export function count(number, singular, plural = `${singular}s`) {
  return `${number}${GAP}${number === 1 ? singular : plural}`;
}

export function times(number) {
  return number === 1 ? "once" : `${number}${GAP}times`;
}

/** How often the same event happened, and since when, unless all within one second. */
export function often(number, since, last) {
  const alike = !since || !last || clock(since) === clock(last);
  return `${times(number)}${alike ? "" : ` since ${clock(since)}`}`;
}

/** Seconds as the two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([number, unit]) => number > 0 || unit === "s");
  return parts.slice(first, first + 2)
    .filter(([number], index) => number > 0 || !index)
    .map(([number, unit]) => `${number}${GAP}${unit}`).join(" ");
}

export function clock(moment) {
  return moment.toTimeString().slice(0, 8);
}

export function day(moment) {
  return moment.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
}

export function dayAndClock(moment) {
  const today = new Date().toDateString() === moment.toDateString();
  return today ? clock(moment) : `${moment.toLocaleDateString()} ${clock(moment)}`;
}

/** The time zone that times are shown in, as `Europe/Berlin, UTC+01:00`. */
export function zone(moment) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const offset = moment.toTimeString().replace(/.*GMT(...)(..).*/, "UTC$1:$2");
  return name === "UTC" ? name : [name, offset].filter(Boolean).join(", ");
}

/** RFC 3339 with nine digits, of which a Date takes three; null for none and for year 1. */
export function moment(text) {
  if (!text || text.startsWith("0001-")) return null;
  const date = new Date(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(date.getTime()) ? null : date;
}

const TONES = {
  good: ["running", "healthy", "proven", "confirmed", "chosen"],
  warn: ["restarting", "stopping", "paused", "removing", "assumed", "disproved"],
  bad: ["exited", "stopped", "dead", "gone", "unhealthy"],
};

/** The colour of a state, a health, a level or a verdict. */
export function tone(word) {
  return Object.keys(TONES).find((each) => TONES[each].includes(word)) ?? "neutral";
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function verdict({ exit_code: code }) {
  if (code === 0) return "passed";
  return code === null || code < 0 ? "did not finish" : `failed with code ${code}`;
}

/** The last lines of an output, bounded in length too, and how many lines are before them. */
export function tail(output, lines) {
  const all = output.trimEnd().split(/\r?\n/);
  const end = all.slice(-lines).join("\n");
  return {
    end: end.length > LONGEST_TAIL ? `…${end.slice(-LONGEST_TAIL)}` : end,
    before: Math.max(0, all.length - lines),
    whole: end.length <= LONGEST_TAIL && all.length <= lines,
  };
}

/** What the agent says, as a sentence; an address that it begins with stays as it is. */
export function sentence(text) {
  return (/^\w+:\/\//.test(text) ? text : capital(text)) + (/[.!?]$/.test(text) ? "" : ".");
}

/** A list in pieces: items in a row with the same key together, those without one alone. */
export function alike(items, keyOf) {
  const groups = [];
  for (const item of items) {
    const key = keyOf(item);
    const last = groups.at(-1);
    if (key && last?.key === key) last.items.push(item);
    else groups.push({ key, items: [item] });
  }
  return groups.map(({ items }) => items);
}

/** How a run ended, as a sentence's predicate. */
export function ending(run) {
  const code = run.exit_code === null ? "" : ` with code ${run.exit_code}`;
  const by = run.signal ? ` by ${run.signal}` : "";
  switch (run.cause) {
    case "oom": return "was OOM-killed";
    case "killed": return `was killed${by || code}`;
    case "stopped": return `was stopped${code && ` and exited${code}`}`;
    case "engine-restart": return `ended${code} when the engine restarted`;
    case "exit": return `exited${code}`;
    default: return `ended${code}, cause unknown`;
  }
}

/** How long a run lasted, to follow how it ended. */
export function lasting({ started_at: start, finished_at: end }) {
  const [began, ended] = [moment(start), moment(end)];
  return began && ended ? ` after ${duration((ended - began) / 1000)}` : "";
}

export function endedBadly(run) {
  return run.oom_killed === true
    || ["oom", "killed", "unknown"].includes(run.cause)
    || (run.cause === "exit" && run.exit_code !== 0 && !run.expected);
}

const LEVELS = {
  proven: "The engine showed something that only this container can have",
  confirmed: "The engine reports this container as running and our own files name it, but no proof was possible",
  observed: "No engine confirms it: our own cgroup, or files that only this container has, name it and nothing contradicts",
  assumed: "No engine confirms it, and only the hostname and files that containers can share name it: if this container joined another's network, the ID is that other one's",
};

const METHODS = {
  layer: "its writable layer is the one we run on",
  stamp: "a file in it has exactly the timestamp of ours",
  nonce: "a mark we left on our own process was seen in it",
  option: "an option named it",
};

export function proof(level, method) {
  return [LEVELS[level] ?? level, METHODS[method]].filter(Boolean).join(": ") + ".";
}

const EVENTS = {
  create: "Created",
  start: "Started",
  restart: "Restarted",
  stop: "Stopped",
  pause: "Paused",
  unpause: "Resumed",
  oom: "Out of memory: the kernel killed a process",
  update: "Limits changed",
  destroy: "Removed",
  attach: "Attached to",
  detach: "Detached from",
  resize: "Terminal resized",
  top: "Processes listed",
  exec_detach: "Exec detached",
};

/** What lets a request through the usual proxies before an engine. */
export const PROXY = "on a socket proxy of Tecnativa or linuxserver CONTAINERS=1 (for the image IMAGES=1, for info INFO=1, "
  + "for events EVENTS=1) allows it; selfinspect doctor names the exact request";

const ATTACHED = {
  "network connect": "Connected to",
  "network disconnect": "Disconnected from",
  "volume mount": "Mounted",
  "volume unmount": "Unmounted",
};

const GAPS = {
  "engine-buffer": ": the engine keeps only a few, and had dropped them",
  journal: ": the agent no longer has them, or never had",
  restart: ": the agent was not running",
};

export function event({ type, action, actor, attributes }) {
  const said = (name) => attributes?.[name] ?? null;
  if (action === "gap") return `Events may be missing here${GAPS[said("reason")] ?? ""}`;
  const verb = ATTACHED[`${type} ${action}`];
  if (verb) return `${verb} the ${type} ${actor?.name ?? said("name") ?? actor?.id ?? UNKNOWN}`;
  const code = said("exit_code") === null ? "" : ` with code ${said("exit_code")}`;
  switch (action) {
    case "die": return `Ended${code}`;
    case "kill": return `Got ${said("signal") === null ? "a signal" : `signal ${said("signal")}`}`;
    case "rename": return `Renamed ${said("old_name") ? `from ${said("old_name").replace(/^\//, "")} ` : ""}to ${actor?.name}`;
    case "memory_max": return `Memory met its limit ${times(Number(said("count") ?? 1))}`;
    case "stopping": return `Asked to stop${said("signal") ? ` by ${said("signal")}` : ""}`;
    case "health_status": return `Health check: ${said("status") ?? UNKNOWN}`;
    case "exec_create": return `Exec created: ${argv(said("command"))}`;
    case "exec_start": return `Exec: ${argv(said("command"))}`;
    case "exec_die": return `Exec ended${code}`;
    default: return EVENTS[action] ?? capital(`${type} ${action}`.replaceAll("_", " "));
  }
}

export function toneOfEvent({ action, attributes }) {
  const code = attributes?.exit_code;
  if (action === "oom") return "bad";
  if (action === "die") return code === undefined || code === null || Number(code) ? "bad" : "neutral";
  if (action === "health_status") return tone(attributes?.status);
  if (action === "start" || action === "unpause") return "good";
  return ["gap", "kill", "stop", "pause", "restart", "memory_max", "stopping"].includes(action) ? "warn" : "neutral";
}

export function argv(command) {
  return Array.isArray(command) ? command.join(" ") : String(command ?? UNKNOWN);
}
