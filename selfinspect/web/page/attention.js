// What to read first when something is wrong. Pure.

import * as words from "./words.js";

const MINUTE = 60_000;
const NEAR = 90; // percent of the memory limit
const THROTTLED = 25; // percent, as the shipped alert has it
const THROTTLED_SECONDS = 60; // fewer say little of a container that has just started
const AT_LIMIT = 5 * MINUTE;
const LOOP = 15 * MINUTE;
const RESTARTS = 3;
const HEALTH_CHANGES = 4;
const SWAPPED = 2 ** 20;
const APART = 5000;

const [bad, warn] = ["bad", "warn"].map((tone) => (title, text = null, advice = null, output = null) => ({ tone, title, text, advice, output }));

/**
 * Notices, the worst first: a tone, a title, the details and what helps.
 *
 * `throttling` is of the last minutes, `lostAt` is since when the agent
 * does not answer, `lags` by how many milliseconds the container's clock was ahead of the engine's.
 */
export function attention(known, now = new Date()) {
  const found = [
    ...(known.self ? container(known, now) : [isRefused(known) && unidentified(known.identity)]),
    access(known),
  ].filter(Boolean);
  return [...found.filter(({ tone }) => tone === "bad"), ...found.filter(({ tone }) => tone === "warn")];
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

function container({ self, identity, sample, runs, throttling, events, lostAt, lags }, now) {
  return [
    lost(self, lostAt), state(self), stopping(self), health(self), flapping(events, now),
    limited(sample, events, now), kills(sample), swap(sample), throttled(self, throttling),
    ended(self, runs, now), clocks(self, lags), assumed(self, identity),
  ];
}

function lost({ name, short_id: id, stopping }, at) {
  return at && bad(
    `The agent has not answered since ${words.clock(at)}`,
    `The container ${stopping ? "was asked to stop, so it has probably ended"
      : "has probably ended, is paused, or cannot be reached from here"}. What is shown is what was last known.`,
    `docker ps --all on its host shows its state, docker logs ${name ?? id ?? "NAME"} its last words; the page reconnects by itself`,
  );
}

function unidentified({ reason }) {
  return bad("This container could not be identified", words.sentence(reason),
    "selfinspect id --explain shows the evidence; an engine's socket or --container NAME settles it");
}

function assumed({ id }, identity) {
  return id === null && identity?.level === "assumed" && warn(
    "The identity is only assumed",
    `${words.sentence(identity.reason)} No variable, metric label or answer of id carries the ID.`,
    "mount the engine's socket; or, where no container shares another's network, set SELFINSPECT_ASSUME=1");
}

function state({ state: word }) {
  if (word === null || word === "running" || word === "created") return null;
  if (word === "paused") return warn("The container is paused", null, "docker unpause lets it go on");
  if (word !== "gone") return bad(`The container is ${word}`);
  return bad("The container was removed", "What is shown is what was last known.",
    "the agent waits for the next container of that name");
}

function stopping({ stopping: stop }) {
  const deadline = words.moment(stop?.deadline);
  return stop && warn(
    `The container is stopping: ${stop.signal} came at ${words.clock(words.moment(stop.received_at))}`,
    deadline ? `What still runs at ${words.clock(deadline)} is killed, unless another time was asked for.`
      : "When the engine kills what still runs is not known.");
}

function health({ health }) {
  if (health?.status !== "unhealthy") return null;
  const last = health.log.at(-1) ?? { output: "" };
  const at = words.moment(last.end ?? last.start);
  return bad(
    "The health check fails",
    `${words.capital(words.times(health.failing_streak))} in a row${at ? `, the last ${words.verdict(last)} at ${words.dayAndClock(at)}` : ""}.`,
    last.output.trim() ? null : "the check printed nothing: let it say what it found",
    words.tail(last.output, 4).end || null);
}

function flapping(events, now) {
  const verdicts = recent(events, "health_status", now, LOOP)
    .map(({ attributes }) => attributes?.status).filter((status) => status && status !== "starting");
  const changes = verdicts.filter((status, index) => index && status !== verdicts[index - 1]).length;
  return changes >= HEALTH_CHANGES && warn(
    "Its health keeps changing",
    `${words.count(changes, "change")} between healthy and unhealthy in the last ${words.duration(LOOP / 1000)}.`,
    "compare the failing checks with CPU and memory at their times; --health-timeout or --health-retries if they are only slow");
}

function limited(sample, events, now) {
  const { percent: share = null, limit_bytes: limit = null } = sample?.memory ?? {};
  const met = recent(events, "memory_max", now, AT_LIMIT).map((event) => ({ ...event, ...event.attributes }))
    .filter(({ working_set_bytes: used, limit_bytes: most }) => used >= most * NEAR / 100);
  const often = met.reduce((sum, { count }) => sum + Number(count), 0);
  const advice = "find what grows among the processes; or raise the limit: docker update --memory";
  if (often) {
    const { time, limit_bytes: most } = met.at(-1);
    return bad(
      "Memory is at its limit",
      `It met the limit of ${words.bytes(most)} ${words.times(often)} in the last ${words.duration(AT_LIMIT / 1000)},`
        + ` last at ${words.clock(words.moment(time))}, with ${NEAR}\u00a0% or more in use: the next step is an OOM kill.`,
      advice);
  }
  return share !== null && share >= NEAR && warn(
    "Memory is nearly used up",
    `${words.percent(share)} of ${words.bytes(limit)}: at the limit the kernel kills a process.`, advice);
}

function kills(sample) {
  const kills = sample?.memory.oom_kills ?? 0;
  return kills > 0 && warn(
    `${words.count(kills, "process", "processes")} OOM-killed in this run`,
    "A killed child need not end its parent: see whether all runs that should.",
    "raise the memory limit or find what grows");
}

function swap(sample) {
  const swapped = sample?.memory.swap_bytes ?? 0;
  return swapped >= SWAPPED && warn(
    "Swap is in use", `${words.bytes(swapped)} of its memory is on disk: reading it back is slow.`,
    "raise the memory limit; --memory-swap equal to --memory forbids swap");
}

function throttled({ limits }, { percent, seconds } = {}) {
  if (!(percent > THROTTLED && seconds >= THROTTLED_SECONDS)) return null;
  const quota = limits?.cpus ? words.count(limits.cpus, "CPU") : "its quota";
  return warn(
    "The CPU limit holds it back",
    `In the last ${words.duration(seconds)} it was throttled in ${words.percent(percent)} of its CPU periods:`
      + ` it used up ${quota} before a period ended, and waited for the next.`,
    "raise the limit (docker update --cpus), or use fewer threads");
}

/** How the run before ended, if badly; or that runs keep ending. */
function ended({ previous_run: previous }, runs, now) {
  const last = previous ?? runs.find((run) => run.finished_at !== null) ?? null;
  const again = runs.filter(({ number, started_at: at }) => number > 1 && now - words.moment(at) < LOOP).length;
  const oom = last?.cause === "oom" || last?.oom_killed;
  const advice = oom ? "find what grows, or raise the memory limit" : "read what it printed before it ended";
  if (again >= RESTARTS) {
    return bad(`It keeps restarting: ${words.times(again)} in the last ${words.duration(LOOP / 1000)}`,
      last && `The previous run ${words.ending(last)}${words.lasting(last)}.`,
      `${advice}; docker update --restart=no ends the loop`);
  }
  const at = words.moment(last?.finished_at);
  return last && words.endedBadly(last) && (oom ? bad : warn)(
    `The previous run ${words.ending(last)}`, at && `At ${words.dayAndClock(at)}${words.lasting(last)}.`, advice);
}

function clocks({ started_at: began, inspected_at: seen }, lags) {
  // What came late says nothing of a clock, so the smallest difference counts.
  const [least = 0] = [...(lags ?? [])].sort((one, other) => Math.abs(one) - Math.abs(other));
  const ahead = began && seen ? Math.min(0, words.moment(seen) - words.moment(began)) : 0;
  const apart = Math.abs(least) > Math.abs(ahead) ? least : ahead;
  return Math.abs(apart) >= APART && warn(
    `The engine's clock is ${words.duration(Math.abs(apart) / 1000)} ${apart < 0 ? "ahead" : "behind"}`,
    "Events, state and health have the engine's time, figures the container's.",
    "synchronise the clocks of both machines");
}

const MISSING = "What the kernel reports is shown. What only an engine reports is missing: name, image, "
  + "ports, networks, mounts, environment, labels, health, events.";

function access({ self, engine }) {
  const { failure = null } = engine ?? {};
  if (!failure || failure.no_target) return null;
  const last = Boolean(self?.inspected_at);
  return warn(
    failure.denied ? "The engine, or a proxy before it, denies inspecting this container"
      : last ? "The engine is away: its last answer is shown" : "No engine answers",
    [words.sentence(failure.detail), self && !last && MISSING].filter(Boolean).join(" "), failure.hint);
}

function recent(events, action, now, within) {
  return (events ?? []).filter((event) => event.action === action && now - words.moment(event.time) < within);
}
