// The page: asks the agent for its documents, follows its streams, and shows what they say.

import { Agent, ProblemError, UnauthorizedError } from "./agent.js";
import { attention } from "./attention.js";
import { Charts } from "./charts.js";
import { byId } from "./dom.js";
import { legend, marks, Past } from "./history.js";
import { Changes, Processes } from "./listings.js";
import { LogPanel } from "./logs.js";
import * as panels from "./panels.js";
import { History } from "./samples.js";
import { Timeline } from "./timeline.js";
import { clock } from "./words.js";

const PAGE = 1000;
const AGAIN = 30_000; // for what has no event, as the engine's going, and for the title of a page that nobody sees
const MOST_DOUBTS = 10;
const AFTER_EVENT = [300, 2000]; // the agent inspects again after an event

const latest = { self: null, problem: null, identity: null, engine: null, missing: null, runs: [], sample: null };
const history = new History();
const agent = new Agent(onRefused);
const timeline = new Timeline(byId("timeline-list"));
const past = new Past(agent, history, drawHistory);
const drawers = [new LogPanel(agent), new Processes(agent), new Changes(agent)];
let charts = null;
let refreshing = null;
let timers = [];
let doubts = 0;

byId("with-execs").addEventListener("change", (event) => {
  timeline.withExecs = event.target.checked;
  timeline.draw();
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  agent.authorize(byId("token-field").value.trim());
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    agent.rest();
  } else {
    agent.wake();
    refresh();
  }
});
window.addEventListener("online", () => agent.wake());
setInterval(() => panels.uptime(latest.self), 1000);
setInterval(look, AGAIN);

refresh();
followSamples();
followEvents();

/** Fetch every document again, one round at a time. */
function refresh() {
  refreshing ??= ask().catch(() => null).finally(() => { refreshing = null; });
  return refreshing;
}

async function ask() {
  const [self, identity, engine, runs] = await Promise.all(
    ["/v1/self", "/v1/identity", "/v1/engine", "/v1/runs"].map((path) => answer(path)),
  );
  if ([self, identity, engine].some(({ error }) => error && !(error instanceof ProblemError))) return;
  if (latest.self?.id && self.document?.id && latest.self.id !== self.document.id) {
    location.reload(); // another container answers at this address
    return;
  }
  if (latest.self && self.error && doubts < MOST_DOUBTS) {
    doubts += 1; // an agent that has just started does not know itself yet
    setTimeout(refresh, 1000);
    return;
  }
  doubts = 0;
  latest.self = self.document;
  latest.problem = self.error;
  latest.identity = identity.document ?? latest.identity;
  latest.engine = engine.document ?? latest.engine;
  latest.runs = runs.document?.runs ?? [];
  latest.missing = latest.engine?.reachable && latest.self?.engine ? null : (await answer("/v1/inspect")).error;
  render();
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
  const { self, identity, engine, missing, runs } = latest;
  announce(self);
  panels.banner(self, identity);
  for (const id of ["columns", "more", "names"]) byId(id).hidden = !self;
  if (self) {
    panels.health(self);
    panels.facts(self);
    timeline.live = self.engine !== null;
  }
  if (identity) panels.identity(identity, Boolean(self?.id));
  if (engine) panels.engine(engine, self ? missing : null);
  timeline.runs = runs;
  timeline.draw();
  charts ??= self && new Charts(byId("charts"), history);
  if (self) past.begin();
  drawHistory();
  for (const drawer of drawers) drawer.update(latest);
  attend();
}

function drawHistory() {
  const found = marks(latest.runs, timeline.events.values());
  charts?.mark(found);
  charts?.update(null, latest.self?.limits ?? null);
  legend(found, (history.times.at(-1) ?? Date.now() / 1000) - history.span());
}

function attend() {
  panels.notices(attention({ ...latest, missing: latest.self ? latest.missing : null }));
}

function followSamples() {
  agent.follow("/v1/stats/stream?interval=1", {
    onOpen: () => {
      byId("figures").classList.remove("stale");
      if (!latest.self) refresh(); // figures begin once the container is identified
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
    onOpen: () => { live(); refresh(); },
    onFrame: (_, event) => { timeline.add([event]); refreshSoon(); },
    onLost: lost,
  });
}

async function pastEvents() {
  for (let after = "";;) {
    const { events, next } = await agent.ask(`/v1/events?limit=${PAGE}${after}`);
    timeline.add(events);
    if (events.length < PAGE) return next;
    after = `&after=${encodeURIComponent(next)}`;
  }
}

function refreshSoon() {
  timers.forEach(clearTimeout);
  timers = AFTER_EVENT.map((wait) => setTimeout(refresh, wait));
}

let lostAt = null;

function live() {
  if (lostAt) say("The agent answers again.");
  lostAt = null;
  connection("Live", "good");
}

function lost(failure) {
  if (failure instanceof UnauthorizedError) {
    connection("Locked", "warn");
  } else if (failure instanceof ProblemError) {
    connection(`No events: ${failure.message}`, "warn");
  } else {
    if (!lostAt) say("The agent does not answer; reconnecting.");
    lostAt ??= new Date();
    connection(`Reconnecting since ${clock(lostAt)}`, "warn");
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
