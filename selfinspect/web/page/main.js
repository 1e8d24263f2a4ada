// The page: asks the agent for its documents, follows its streams, and shows what they say.

import { Agent, ProblemError, UnauthorizedError } from "./agent.js";
import { attention, isNotable, isRefused, isStarting } from "./attention.js";
import { Charts } from "./charts.js";
import { byId } from "./dom.js";
import { legend, marks, Past } from "./history.js";
import { Changes, Processes } from "./listings.js";
import { LogPanel } from "./logs.js";
import * as panels from "./panels.js";
import { History } from "./samples.js";
import { Timeline } from "./timeline.js";
import { clock, moment } from "./words.js";

const PAGE = 1000;
const AGAIN = 30_000; // for what has no event, as the engine's going, and for the title of a page that nobody sees
const MOST_DOUBTS = 10;
const STARTING = 1000;
const REFUSED = 10_000;
const NOTABLE = 200;
const CAUGHT_UP = 5000; // what a stream brings sooner may be of the past
const EACH = 15_000;
const RECENT = "/v1/history?since=5m&step=15";
const AFTER_EVENT = [300, 2000]; // the agent inspects again after an event

const latest = {
  self: null, identity: null, engine: null, runs: [], history: null, sample: null,
  events: [], lags: [], lostAt: null,
};
const history = new History();
const agent = new Agent(onRefused);
const timeline = new Timeline(byId("timeline-list"));
const past = new Past(agent, history, drawHistory);
const drawers = [new LogPanel(agent), new Processes(agent), new Changes(agent)];
let charts = null;
let refreshing = null;
let timers = [];
let doubts = 0;
let retry = null;
let historyDue = 0;
let following = false;
let caughtUp = Infinity;

byId("with-execs").addEventListener("change", (event) => {
  timeline.withExecs = event.target.checked;
  timeline.draw();
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  agent.authorize(byId("token-field").value.trim());
  refresh();
});
byId("paths").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || !agent.hasToken) return;
  event.preventDefault();
  agent.openTab(link.getAttribute("href"));
});
const narrow = matchMedia("(max-width: 560px)");
narrow.addEventListener("change", fold);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    agent.rest();
  } else {
    agent.wake();
    refresh();
  }
});
window.addEventListener("online", () => agent.wake());
setInterval(() => panels.uptime(latest.self, latest.lostAt), 1000);
setInterval(look, AGAIN);

refresh();

/** On a phone, what seldom changes is folded, unless the identity is what is wrong. */
function fold() {
  for (const details of document.querySelectorAll("details.fold")) details.open = !narrow.matches;
}

/** Fetch every document again, one round at a time. */
function refresh() {
  refreshing ??= ask().catch(() => null).finally(() => { refreshing = null; });
  return refreshing;
}

async function ask() {
  const [identity, engine] = await Promise.all(["/v1/identity", "/v1/engine"].map((path) => answer(path)));
  if (unanswered(identity, engine)) return;
  latest.identity = identity.document ?? latest.identity;
  latest.engine = engine.document ?? latest.engine;
  if (isRefused(latest)) {
    // What asks for the container would be refused as well.
    latest.self = null;
    connection("Asks again every 10 s", "neutral");
    again(REFUSED);
    render();
    return;
  }
  if (!latest.self) render();
  const [self, runs] = await Promise.all(["/v1/self", "/v1/runs"].map((path) => answer(path)));
  if (unanswered(self)) return;
  if (latest.self?.id && self.document?.id && latest.self.id !== self.document.id) {
    location.reload(); // another container answers at this address
    return;
  }
  if (self.error && (latest.self ? doubts < MOST_DOUBTS : isStarting(latest))) {
    doubts += 1; // an agent that has just started does not know itself yet
    again(STARTING);
    render();
    return;
  }
  doubts = 0;
  latest.self = self.document;
  latest.runs = runs.document?.runs ?? [];
  if (Date.now() >= historyDue) {
    historyDue = Date.now() + EACH;
    latest.history = (await answer(RECENT)).document;
  }
  const first = latest.self && !following;
  if (first) fold();
  render();
  if (first) {
    following = true;
    followSamples();
    followEvents();
  }
}

/** Refresh after so many milliseconds; a later call replaces an earlier one. */
function again(milliseconds) {
  clearTimeout(retry);
  retry = setTimeout(refresh, milliseconds);
}

/** Whether the agent did not answer at all, which is asked again until its streams are followed. */
function unanswered(...answers) {
  const failed = answers.map(({ error }) => error).filter((error) => error && !(error instanceof ProblemError));
  if (failed.some((error) => !(error instanceof UnauthorizedError)) && !following) again(STARTING);
  return failed.length > 0;
}

/** See to what has no event; all else is asked again when an event comes. */
async function look() {
  const before = latest.engine?.reachable;
  const seen = document.visibilityState === "visible" && latest.self;
  if (!seen || (await answer("/v1/engine")).document?.reachable !== before) refresh();
}

async function answer(path) {
  try {
    return { document: await agent.ask(path), error: null };
  } catch (error) {
    return { document: null, error };
  }
}

function render() {
  byId("token").hidden = true;
  byId("report").hidden = false;
  const { self, identity, engine, runs } = latest;
  announce(self);
  const standing = stands();
  panels.banner(self, identity, standing);
  panels.uptime(self, latest.lostAt);
  for (const id of ["columns", "more", "names"]) byId(id).hidden = !self;
  if (self) {
    panels.health(self, standing);
    panels.facts(self);
    timeline.live = self.engine !== null;
  }
  if (identity) panels.identity(identity, Boolean(self?.id), standing === "starting");
  if (engine) panels.engine(engine, self?.host ?? null);
  timeline.runs = runs;
  timeline.draw();
  charts ??= self && new Charts(byId("charts"), history);
  if (self) past.begin();
  drawHistory();
  for (const drawer of drawers) drawer.update(latest);
  attend();
}

/** How far what is shown can be relied on. */
function stands() {
  if (isStarting(latest)) return "starting";
  if (!latest.self) return "refused";
  const away = latest.engine?.failure && latest.self.inspected_at !== null;
  return latest.lostAt || doubts || away ? "last" : "current";
}

function drawHistory() {
  const found = marks(latest.runs, timeline.events.values());
  charts?.mark(found);
  charts?.update(null, latest.self?.limits ?? null);
  legend(found, (history.times.at(-1) ?? Date.now() / 1000) - history.span());
}

function attend() {
  panels.notices(attention(latest), isStarting(latest));
}

function followSamples() {
  agent.follow("/v1/stats/stream?interval=1", {
    onOpen: () => {
      byId("figures").classList.remove("stale");
    },
    onFrame: (_, sample) => {
      latest.sample = sample;
      history.add(sample);
      charts?.update(sample, latest.self?.limits ?? null);
      past.keep();
      attend();
    },
    onLost: (failure) => {
      history.interrupt();
      byId("figures").classList.add("stale");
      byId("figures-note").textContent = failure instanceof ProblemError
        ? `No figures: ${failure.message}` : "the last ones received";
    },
  });
}

/** All past events, page by page; then the stream, from the last of them on. */
async function followEvents() {
  let next = null;
  for (let wait = 500; next === null; wait = Math.min(wait * 2, 10_000)) {
    try {
      next = await pastEvents();
    } catch (error) {
      lost(error);
      await agent.pause(error instanceof UnauthorizedError ? null : wait);
    }
  }
  agent.follow("/v1/events/stream", {
    from: next,
    rests: true,
    onOpen: () => { caughtUp = Date.now() + CAUGHT_UP; live(); refresh(); },
    onFrame: (_, event) => { timeline.add([event]); note([event]); compare(event); refreshSoon(); },
    onLost: lost,
  });
}

async function pastEvents() {
  for (let after = "";;) {
    const { events, next } = await agent.ask(`/v1/events?limit=${PAGE}${after}`);
    timeline.add(events);
    note(events);
    if (events.length < PAGE) {
      timeline.complete = true;
      timeline.draw();
      return next;
    }
    after = `&after=${encodeURIComponent(next)}`;
  }
}

function note(events) {
  latest.events = [...latest.events, ...events.filter(isNotable)].slice(-NOTABLE);
}

/** Compare the engine's clock with the container's: that of the newest figures, a second old at most. */
function compare({ source, type, time }) {
  const { sample } = latest;
  if (source !== "live" || ["agent", "kernel"].includes(type) || sample?.source !== "kernel" || Date.now() < caughtUp) return;
  latest.lags = [...latest.lags, moment(sample.read_at) - moment(time)].slice(-5);
}

function refreshSoon() {
  timers.forEach(clearTimeout);
  timers = AFTER_EVENT.map((wait) => setTimeout(refresh, wait));
}

function live() {
  if (latest.lostAt) say("The agent answers again.");
  latest.lostAt = null;
  connection("Live", "good");
}

function lost(failure) {
  if (failure instanceof UnauthorizedError) {
    connection("Locked", "warn");
  } else if (failure instanceof ProblemError) {
    connection(`No events: ${failure.message}`, "warn");
  } else {
    if (!latest.lostAt) say("The agent does not answer; reconnecting.");
    latest.lostAt ??= new Date();
    connection(`Reconnecting since ${clock(latest.lostAt)}`, "warn");
    if (!byId("report").hidden) render();
  }
}

function connection(text, tone) {
  byId("connection").textContent = text;
  byId("connection").className = `mark ${tone}`;
}

let announced = null;

/** Announce a change of state to screen readers. */
function announce(self) {
  const words = self && [self.name, self.state, self.health?.status].filter(Boolean).join(", ");
  if (announced !== null && words !== announced) say(words ?? "This container could not be identified.");
  announced = words;
}

function say(text) {
  byId("announcements").textContent = text;
}

function onRefused(given) {
  byId("report").hidden = true;
  const form = byId("token");
  const first = form.hidden;
  form.hidden = false;
  byId("token-error").textContent = given ? "That token was not accepted." : "";
  if (first) byId("token-field").focus();
}
