// What to read first when something is wrong. Pure.

import * as words from "./words.js";

const NEAR = 90;

/** Notices, the worst first: a tone, a title, the details and what helps. */
export function attention({ self, problem, identity, missing, sample, runs }) {
  const found = [
    ...(self ? container(self, sample, runs) : unidentified(problem, identity)),
    ...(self ? assumed(self, identity) : []),
    ...access(self, missing),
  ];
  return found.sort((one, other) => rank(one) - rank(other));
}

function container(self, sample, runs) {
  return [
    state(self), health(self), memory(sample), kills(sample), lastRun(self, runs),
  ].filter(Boolean);
}

function unidentified(problem, identity) {
  if (!problem && !identity) return [];
  return [{
    tone: "bad",
    title: "This container could not be identified",
    text: words.sentence(identity?.reason ?? problem.message),
    advice: problem?.hint ?? null,
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
  return { tone: word === "paused" ? "warn" : "bad", title: `The container is ${word}` };
}

function health({ health, inspected_at: asOf }) {
  if (health?.status !== "unhealthy") return null;
  const last = health.log.at(-1);
  const code = last?.exit_code ?? null;
  return {
    tone: "bad",
    title: "The health check fails",
    text: `${failures(health.failing_streak)}${code === null ? "" : ` with code ${code}`},`
      + ` as the engine reported at ${words.dayAndClock(words.moment(asOf))}.`,
    output: last?.output.trim() || null,
  };
}

function failures(streak) {
  return streak === 1 ? "It failed" : `${words.capital(words.times(streak))} in a row, last`;
}

function memory(sample) {
  const share = sample?.memory.percent ?? null;
  if (share === null || share < NEAR) return null;
  return {
    tone: "warn",
    title: "Memory is nearly used up",
    text: `${words.percent(share)} of ${words.bytes(sample.memory.limit_bytes)}: above the limit the kernel kills a process.`,
  };
}

function kills(sample) {
  const kills = sample?.memory.oom_kills ?? 0;
  if (!kills) return null;
  return { tone: "warn", title: `${words.count(kills, "process", "processes")} OOM-killed` };
}

function lastRun(self, runs) {
  const last = self.previous_run ?? runs?.find((run) => run.finished_at !== null) ?? null;
  const restarts = self.restart_count ?? 0;
  const again = restarts ? `The engine has restarted it ${words.times(restarts)}.` : null;
  if (last && words.endedBadly(last)) {
    const at = words.moment(last.finished_at);
    return {
      tone: last.cause === "oom" || last.oom_killed ? "bad" : "warn",
      title: `The previous run ${words.ending(last)}`,
      text: [at && `At ${words.dayAndClock(at)}.`, again].filter(Boolean).join(" ") || null,
    };
  }
  return again && { tone: "warn", title: "The container keeps restarting", text: again };
}

function access(self, missing) {
  if (!missing) return [];
  const last = self !== null && self.inspected_at !== null;
  const denied = missing.status === 403;
  const lacking = "What the kernel reports is shown. What only an engine reports is missing: name, image, "
    + "ports, networks, mounts, environment, labels, health, events.";
  return [{
    tone: "warn",
    title: denied ? "The engine, or a proxy before it, denies inspecting this container"
      : last ? "The engine is away: its last answer is shown" : "No engine answers",
    text: [words.sentence(missing.message), !last && lacking].filter(Boolean).join(" "),
    advice: missing.hint,
  }];
}

function rank({ tone }) {
  return tone === "bad" ? 0 : 1;
}
