// Figures, times and states in words. Pure. null is unknown, and is shown as that.

const GAP = "\u00a0";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const LONGEST_TAIL = 600;

export const UNKNOWN = "unknown";

/** Bytes with three digits and their unit. */
export function bytes(count) {
  if (count === null || count === undefined) return UNKNOWN;
  let power = 0;
  let rest = count;
  while (Math.abs(rest) >= 1023.5 && power < BINARY.length - 1) {
    rest /= 1024;
    power += 1;
  }
  return `${power ? digits(rest) : Math.round(rest)}${GAP}${BINARY[power]}`;
}

/** Bytes a second. */
export function rate(perSecond) {
  return perSecond === null || perSecond === undefined ? UNKNOWN : `${bytes(perSecond)}/s`;
}

export function percent(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return `${value >= 99.95 ? Math.round(value) : value.toFixed(1)}${GAP}%`;
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
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return `0${GAP}s`;
  return parts
    .slice(first, first + 2)
    .filter(([number]) => number > 0)
    .map(([number, unit]) => `${number}${GAP}${unit}`)
    .join(" ");
}

/** The time of day, here. */
export function clock(moment) {
  return two(moment.getHours(), moment.getMinutes(), moment.getSeconds());
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
  const minutes = -moment.getTimezoneOffset();
  const hours = `${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60)}`;
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [name, ...(name === "UTC" ? [] : [`UTC${hours}`])].filter(Boolean).join(", ");
}

/** RFC 3339 with nine digits, of which a Date takes three; null for none and for year 1. */
export function moment(text) {
  if (!text || text.startsWith("0001-")) return null;
  const date = new Date(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(date.getTime()) ? null : date;
}

const STATES = {
  running: "good",
  restarting: "warn",
  stopping: "warn",
  paused: "warn",
  created: "neutral",
  removing: "warn",
  exited: "bad",
  stopped: "bad",
  dead: "bad",
  gone: "bad",
};
const HEALTH = { healthy: "good", starting: "neutral", unhealthy: "bad" };

export function toneOfState(state) {
  return STATES[state] ?? "neutral";
}

export function toneOfHealth(status) {
  return HEALTH[status] ?? "neutral";
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How a health check went, as a sentence's predicate. */
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

/** Whether a run ended unintentionally. */
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

/** What happens to an ID that is only assumed. */
export const UNUSED = "It is not used: no variable, metric label or answer of id carries it. An engine proves it, so mount its socket; where no container shares another's network, SELFINSPECT_ASSUME=1 uses it.";
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

const GAPS = {
  "engine-buffer": ": the engine keeps only a few, and had dropped them",
  journal: ": the agent no longer has them, or never had",
  restart: ": the agent was not running",
};

/** An event as a sentence. */
export function event({ type, action, actor, attributes }) {
  const said = (name) => attributes?.[name] ?? null;
  if (action === "gap") return `Events may be missing here${GAPS[said("reason")] ?? ""}`;
  if (type === "network") {
    const name = actor?.name ?? said("name");
    const verb = { connect: "Connected to", disconnect: "Disconnected from" }[action];
    if (verb) return `${verb} the network ${name ?? UNKNOWN}`;
  }
  if (type === "volume") {
    const verb = { mount: "Mounted", unmount: "Unmounted" }[action];
    if (verb) return `${verb} the volume ${actor?.name ?? actor?.id ?? UNKNOWN}`;
  }
  switch (action) {
    case "die": return said("exit_code") === null ? "Ended" : `Ended with code ${said("exit_code")}`;
    case "kill": return said("signal") === null ? "Got a signal" : `Got signal ${said("signal")}`;
    case "rename": {
      const old = said("old_name");
      return `Renamed ${old ? `from ${String(old).replace(/^\//, "")} ` : ""}to ${actor?.name}`;
    }
    case "memory_max": return `Memory met its limit ${times(Number(said("count") ?? 1))}`;
    case "stopping": return `Asked to stop${said("signal") ? ` by ${said("signal")}` : ""}`;
    case "health_status": return `Health check: ${said("status") ?? UNKNOWN}`;
    case "exec_create": return `Exec created: ${argv(said("command"))}`;
    case "exec_start": return `Exec: ${argv(said("command"))}`;
    case "exec_die":
      return said("exit_code") === null ? "Exec ended" : `Exec ended with code ${said("exit_code")}`;
    default: return EVENTS[action] ?? capital(`${type} ${action}`.replaceAll("_", " "));
  }
}

export function toneOfEvent({ action, attributes }) {
  const code = attributes?.exit_code;
  if (action === "oom") return "bad";
  if (action === "die") return code === undefined || code === null || Number(code) ? "bad" : "neutral";
  if (action === "health_status") return toneOfHealth(attributes?.status);
  if (action === "start" || action === "unpause") return "good";
  return ["gap", "kill", "stop", "pause", "restart", "memory_max", "stopping"].includes(action) ? "warn" : "neutral";
}

export function argv(command) {
  return Array.isArray(command) ? command.join(" ") : String(command ?? UNKNOWN);
}

function digits(number) {
  if (number >= 99.95 || Number.isInteger(number)) return number.toFixed(0);
  return number >= 9.995 ? number.toFixed(1) : number.toFixed(2);
}

function two(...numbers) {
  return numbers.map((number) => String(number).padStart(2, "0")).join(":");
}
