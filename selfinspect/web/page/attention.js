// What to read first when something is wrong. Pure.

import * as words from "./words.js";

const MINUTE = 60_000;
const NEAR = 90; // percent of the memory limit
const THROTTLED = 0.25; // as the shipped alert has it
const THROTTLED_SECONDS = 60; // fewer say little of a container that has just started
const AT_LIMIT = 5 * MINUTE;
const LOOP = 15 * MINUTE;
const RESTARTS = 3;
const HEALTH_CHANGES = 4;
const SWAPPED = 2 ** 20;
const APART = 5000;

/** Whether an event is one of those that matter here. */
export function isNotable({ action }) {
  return action === "health_status" || action === "memory_max";
}

/**
 * Notices, the worst first: a tone, a title, the details and what helps.
 *
 * `history` is `/v1/history` of the last minutes, `events` the notable ones, `lostAt` since when the
 * agent does not answer, `lags` by how many milliseconds the container's clock was ahead of the
 * engine's.
 */
export function attention(known, now = new Date()) {
  const { self, identity, engine } = known;
  const found = [
    lost(known),
    ...(self ? container(known, now) : unidentified(known)),
    ...(self ? assumed(self, identity) : []),
    ...access(self, engine),
  ];
  return found.filter(Boolean).sort((one, other) => rank(one) - rank(other));
}

/** Whether the agent is still at its first look, so that nothing is wrong yet. */
export function isStarting(known) {
  return !known.self && !isRefused(known);
}

/** Whether the agent has looked, and does not know which container it is in. */
export function isRefused({ identity, engine }) {
  const looked = !engine || Boolean(engine.failure) || engine.reachable;
  return Boolean(identity) && identity.level === null && looked;
}

function container({ self, sample, runs, history, events, lags }, now) {
  return [
    state(self), stopping(self), health(self), flapping(events, now),
    limited(sample, events, now), kills(sample), swap(sample), throttling(self, history),
    restarts(self, runs ?? [], now) ?? lastRun(self, runs), clocks(self, lags),
  ];
}

function lost({ self, lostAt }) {
  if (!lostAt || !self) return null;
  const name = self.name ?? self.short_id;
  return {
    tone: "bad",
    title: `The agent has not answered since ${words.clock(lostAt)}`,
    text: self.stopping
      ? "The container had been asked to stop, so it has probably ended. What is shown is what was last known."
      : "The container has probably ended, is paused, or cannot be reached from here. What is shown is what was last known.",
    advice: `on its host docker ps --all shows its state${name ? `, docker logs ${name} its last words` : ""}; the page reconnects by itself`,
  };
}

function unidentified(known) {
  if (!isRefused(known)) return [];
  return [{
    tone: "bad",
    title: "This container could not be identified",
    text: words.sentence(known.identity.reason),
    advice: "selfinspect id --explain shows the evidence; --container NAME, an engine's socket or a cgroup of the host's settles it",
  }];
}

function assumed({ id }, identity) {
  if (id !== null || identity?.level !== "assumed") return [];
  return [{
    tone: "warn",
    title: "The identity is only assumed",
    text: words.sentence(identity.reason),
    advice: "mount the engine's socket; or, where no container shares another's network, set SELFINSPECT_ASSUME=1",
  }];
}

function state({ state: word }) {
  if (word === null || word === "running" || word === "created") return null;
  return word === "gone" ? {
    tone: "bad",
    title: "The container was removed",
    text: "What is shown is what was last known.",
    advice: "the agent waits for the next container of that name",
  } : {
    tone: word === "paused" ? "warn" : "bad",
    title: `The container is ${word}`,
    advice: word === "paused" ? "docker unpause lets it go on" : null,
  };
}

function stopping({ stopping: stop }) {
  if (!stop) return null;
  const deadline = words.moment(stop.deadline);
  return {
    tone: "warn",
    title: `The container is stopping: ${stop.signal} came at ${words.clock(words.moment(stop.received_at))}`,
    text: deadline ? `What still runs at ${words.clock(deadline)} is killed, unless another time was asked for.`
      : "When the engine kills what still runs is not known.",
  };
}

function health({ health }) {
  if (health?.status !== "unhealthy") return null;
  const last = health.log.at(-1);
  const at = words.moment(last?.end ?? last?.start);
  const verdict = last ? ` ${words.verdict(last)}` : "";
  return {
    tone: "bad",
    title: "The health check fails",
    text: `${words.capital(words.times(health.failing_streak))} in a row, the last${verdict}${at ? ` at ${words.dayAndClock(at)}` : ""}.`,
    output: last ? words.tail(last.output, 4).end || null : null,
    advice: last && !last.output.trim() ? "the check printed nothing: let it say what it found" : null,
  };
}

function flapping(events, now) {
  const verdicts = recent(events, "health_status", now, LOOP)
    .map(({ attributes }) => attributes?.status).filter((status) => status && status !== "starting");
  const changes = verdicts.filter((status, index) => index && status !== verdicts[index - 1]).length;
  if (changes < HEALTH_CHANGES) return null;
  return {
    tone: "warn",
    title: "Its health keeps changing",
    text: `${words.count(changes, "change")} between healthy and unhealthy in the last ${words.duration(LOOP / 1000)}.`,
    advice: "compare the failing checks with CPU and memory at their times; a longer --health-timeout or more --health-retries if they are only slow",
  };
}

function limited(sample, events, now) {
  const { percent: share = null, limit_bytes: limit = null } = sample?.memory ?? {};
  const met = recent(events, "memory_max", now, AT_LIMIT)
    .filter(({ attributes }) => attributes.working_set_bytes >= attributes.limit_bytes * NEAR / 100);
  const often = met.reduce((sum, { attributes }) => sum + Number(attributes.count), 0);
  const advice = "find what grows among the processes; or raise the limit: docker update --memory";
  if (often) {
    return {
      tone: "bad",
      title: "Memory is at its limit",
      text: `It met the limit of ${words.bytes(met.at(-1).attributes.limit_bytes)} ${words.times(often)} in the last`
        + ` ${words.duration(AT_LIMIT / 1000)}, last at ${words.clock(words.moment(met.at(-1).time))}, and at least ${NEAR}\u00a0%`
        + " of that cannot be dropped: the next step is an OOM kill.",
      advice,
    };
  }
  if (share === null || share < NEAR) return null;
  return {
    tone: "warn",
    title: "Memory is nearly used up",
    text: `${words.percent(share)} of ${words.bytes(limit)}: at the limit the kernel kills a process.`,
    advice,
  };
}

function kills(sample) {
  const kills = sample?.memory.oom_kills ?? 0;
  if (!kills) return null;
  return {
    tone: "warn",
    title: `${words.count(kills, "process", "processes")} OOM-killed in this run`,
    text: "A killed child need not end its parent: see whether all runs that should.",
    advice: "raise the memory limit or find what grows",
  };
}

function swap(sample) {
  const swapped = sample?.memory.swap_bytes ?? 0;
  if (swapped < SWAPPED) return null;
  return {
    tone: "warn",
    title: "Swap is in use",
    text: `${words.bytes(swapped)} of its memory is on disk: reading it back is slow.`,
    advice: "raise the memory limit; --memory-swap equal to --memory forbids swap",
  };
}

function throttling({ limits }, history) {
  const seen = throttled(history);
  if (!seen || seen.share <= THROTTLED || seen.seconds < THROTTLED_SECONDS) return null;
  const cpus = limits?.cpus ?? null;
  return {
    tone: "warn",
    title: "The CPU limit holds it back",
    text: `In the last ${words.duration(seen.seconds)} it was throttled in ${words.percent(seen.share * 100)} of its CPU periods:`
      + ` it used up ${cpus === null ? "its quota" : words.count(cpus, "CPU")} before a period ended, and waited for the next.`,
    advice: "raise the limit (docker update --cpus), or use fewer threads",
  };
}

/** The mean share of throttled periods in a history, and over how many seconds; null where unknown. */
export function throttled(history) {
  if (!history) return null;
  const column = history.fields.indexOf("cpu_throttled_share");
  let share = 0;
  let seconds = 0;
  history.samples.forEach((sample, index) => {
    if (!index || sample[column] === null) return;
    const spent = (words.moment(sample[0]) - words.moment(history.samples[index - 1][0])) / 1000;
    share += sample[column] * spent;
    seconds += spent;
  });
  return seconds > 0 ? { share: share / seconds, seconds } : null;
}

function restarts(self, runs, now) {
  const again = runs.filter(({ number, started_at: at }) => number > 1 && now - words.moment(at) < LOOP);
  if (again.length < RESTARTS) return null;
  const last = self.previous_run ?? runs.find((run) => run.finished_at !== null) ?? null;
  return {
    tone: "bad",
    title: `It keeps restarting: ${words.times(again.length)} in the last ${words.duration(LOOP / 1000)}`,
    text: last && `The previous run ${words.ending(last)}${words.lasting(last)}.`,
    advice: `read what it printed before it ended; ${last?.oom_killed || last?.cause === "oom"
      ? "raise the memory limit or find what grows" : "docker update --restart=no ends the loop"}`,
  };
}

function lastRun(self, runs) {
  const last = self.previous_run ?? runs?.find((run) => run.finished_at !== null) ?? null;
  if (!last || !words.endedBadly(last)) return null;
  const at = words.moment(last.finished_at);
  const oom = last.cause === "oom" || last.oom_killed;
  return {
    tone: oom ? "bad" : "warn",
    title: `The previous run ${words.ending(last)}`,
    text: at && `At ${words.dayAndClock(at)}${words.lasting(last)}.`,
    advice: oom ? "raise the memory limit or find what grows" : "read what it printed before it ended",
  };
}

function clocks({ started_at: began, inspected_at: seen }, lags) {
  // What came late says nothing of a clock, so the smallest difference counts.
  const [least = 0] = [...(lags ?? [])].sort((one, other) => Math.abs(one) - Math.abs(other));
  const ahead = began && seen ? Math.min(0, words.moment(seen) - words.moment(began)) : 0;
  const apart = Math.abs(least) > Math.abs(ahead) ? least : ahead;
  if (Math.abs(apart) < APART) return null;
  return {
    tone: "warn",
    title: `The engine's clock is ${words.duration(Math.abs(apart) / 1000)} ${apart < 0 ? "ahead" : "behind"}`,
    text: "Events, state and health have the engine's time, figures the container's.",
    advice: "synchronise the clocks of both machines",
  };
}

function access(self, engine) {
  const { failure = null } = engine ?? {};
  if (!failure || failure.no_target) return [];
  const last = Boolean(self?.inspected_at);
  const lacking = "What the kernel reports is shown. What only an engine reports is missing: name, image, "
    + "ports, networks, mounts, environment, labels, health, events.";
  return [{
    tone: "warn",
    title: failure.denied ? "The engine, or a proxy before it, denies inspecting this container"
      : last ? "The engine is away: its last answer is shown" : "No engine answers",
    text: [words.sentence(failure.detail), self && !last && lacking].filter(Boolean).join(" "),
    advice: failure.hint,
  }];
}

function recent(events, action, now, within) {
  return (events ?? []).filter((event) => event.action === action && now - words.moment(event.time) < within);
}

function rank({ tone }) {
  return tone === "bad" ? 0 : 1;
}
