// The page: asks the agent for its documents, follows its streams, and shows what they say.

import { Agent, ProblemError, UnauthorizedError } from "./agent.js";
import { attention, isRefused, isStarting } from "./attention.js";
import { Charts } from "./charts.js";
import { byId, el } from "./dom.js";
import { History, legend, marks } from "./history.js";
import { Changes, Processes } from "./listings.js";
import { LogPanel } from "./logs.js";
import * as panels from "./panels.js";
import { Timeline } from "./timeline.js";
import { clock, moment } from "./words.js";

const PAGE = 1000;
const AGAIN = 30_000; // for what has no event: the engine's going, a health check that ends as before
const MOST_DOUBTS = 10;
const STARTING = 1000;
const REFUSED = 10_000;
const CAUGHT_UP = 5000; // what a stream brings sooner may be of the past
const AFTER_EVENT = [300, 2000]; // the agent inspects again after an event

const PATHS = [
  ...["self", "identity", "inspect", "engine", "image", "events", "runs", "runs/previous", "stats", "stats/raw",
    "history", "logs?tail=200", "top", "changes"].map((path) => `/v1/${path}`),
  "/readyz", "/metrics", "/openapi.json",
];

const latest = { self: null, identity: null, engine: null, runs: [], sample: null, lags: [], lostAt: null };
const agent = new Agent(onRefused);
const history = new History(agent, drawHistory);
const timeline = new Timeline(byId("timeline-list"));
const drawers = [new LogPanel(agent, refresh), new Processes(agent), new Changes(agent)];
let charts = null;
let refreshing = false;
let due = false;
let timers = [];
let doubts = 0;
let following = false;
let caughtUp = Infinity;

byId("hours").addEventListener("change", ({ target }) => history.choose(Number(target.value)));
byId("with-execs").addEventListener("change", (event) => {
  timeline.withExecs = event.target.checked;
  timeline.draw();
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  agent.authorize(byId("token-field").value.trim());
  refresh();
});
byId("paths").append(...PATHS.flatMap((path) => [el("a", { href: path }, path.split("?")[0]), " "]));
byId("paths").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || !agent.token) return;
  event.preventDefault();
  agent.openTab(link.getAttribute("href"));
});
// On a phone, what seldom changes is folded, unless the identity is what is wrong.
const usual = document.querySelectorAll(".fold[open]");
const narrow = matchMedia("(max-width: 560px)");
narrow.addEventListener("change", fold);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") return agent.rest();
  agent.wake();
  refresh();
});
window.addEventListener("online", () => agent.wake());
setInterval(() => panels.uptime(latest.self, latest.lostAt), 1000);
setInterval(refresh, AGAIN);

refresh();

function fold() {
  for (const details of usual) details.open = !narrow.matches;
}

/** Fetch every document again: one round at a time, and one more if that is asked for meanwhile. */
async function refresh() {
  due = true;
  if (refreshing) return;
  refreshing = true;
  while (due) {
    due = false;
    await ask().catch(() => null);
  }
  refreshing = false;
}

async function ask() {
  const [identity, engine] = await Promise.all(["/v1/identity", "/v1/engine"].map(answer));
  if (unanswered(identity, engine)) return;
  latest.identity = identity.document ?? latest.identity;
  latest.engine = engine.document ?? latest.engine;
  if (latest.identity?.level === null) {
    // What asks for the container would be refused.
    const refused = isRefused(latest);
    if (refused) {
      latest.self = null;
      connection("Asks again every 10 s", "neutral");
    } else {
      doubts += 1;
    }
    again(refused ? REFUSED : STARTING);
    render();
    return;
  }
  follow();
  const ofAnother = latest.identity?.candidates.some(({ evidence }) => evidence.startsWith("--target "));
  if (!ofAnother) history.fetch(); // there is a history of the agent's own container only
  const [self, runs] = await Promise.all(["/v1/self", "/v1/runs"].map(answer));
  if (unanswered(self)) return;
  if (latest.self?.id && self.document?.id && latest.self.id !== self.document.id) {
    location.reload(); // another container answers at this address
    return;
  }
  if (self.error && (doubts < MOST_DOUBTS || !latest.self)) {
    doubts += 1; // an agent that has just started does not know itself yet
    again(STARTING);
  } else {
    doubts = 0;
    latest.self = self.document;
    latest.runs = runs.document?.runs ?? [];
  }
  render();
}

function follow() {
  if (following) return;
  following = true;
  fold();
  followSamples();
  followEvents();
}

/** Refresh after so many milliseconds; a later call replaces an earlier one. */
function again(...waits) {
  timers.forEach(clearTimeout);
  timers = waits.map((wait) => setTimeout(refresh, wait));
}

/** Whether the agent did not answer at all, which is asked again until its streams are followed. */
function unanswered(...answers) {
  const failed = answers.flatMap(({ error }) => error && !(error instanceof ProblemError) ? [error] : []);
  if (failed.some((error) => !(error instanceof UnauthorizedError)) && !following) again(STARTING);
  return failed.length > 0;
}

function answer(path) {
  return agent.ask(path).then((document) => ({ document }), (error) => ({ document: null, error }));
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
  if (identity) panels.identity(identity, standing === "starting");
  if (engine) panels.engine(engine, self?.host ?? null);
  timeline.runs = runs;
  timeline.paint();
  for (const drawer of drawers) drawer.update(latest);
  charts ??= self && new Charts(byId("charts"), history);
  drawHistory();
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
  legend(found, (history.times.at(-1) ?? Date.now() / 1000) - history.span());
  attend();
  if (!charts) return;
  charts.marks = found;
  charts.update(null, latest.self?.limits);
}

function attend() {
  const lately = { events: [...timeline.events.values()], throttling: history.throttling() };
  panels.notices(attention({ ...latest, ...lately }), isStarting(latest));
}

function followSamples() {
  agent.follow("/v1/stats/stream?interval=1", {
    onOpen: () => byId("figures").classList.remove("stale"),
    onFrame: (_, sample) => {
      latest.sample = sample;
      history.add(sample);
      charts?.update(sample, latest.self?.limits);
      history.keep();
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

function followEvents() {
  agent.follow("/v1/events/stream", {
    begin: pastEvents,
    rests: true,
    onOpen: () => { caughtUp = Date.now() + CAUGHT_UP; live(); },
    onFrame: (_, event) => { timeline.add([event]); compare(event); again(...AFTER_EVENT); },
    onLost: lost,
  });
}

/** All past events, page by page; where the stream is to go on. */
async function pastEvents() {
  for (let after = "";;) {
    const { events, next } = await agent.ask(`/v1/events?limit=${PAGE}${after}`);
    timeline.add(events);
    if (events.length < PAGE) {
      timeline.complete = true;
      timeline.paint();
      return next;
    }
    after = `&after=${encodeURIComponent(next)}`;
  }
}

/** Compare the engine's clock with the container's: that of the newest figures, a second old at most. */
function compare({ source, type, time }) {
  const { sample } = latest;
  if (source !== "live" || ["agent", "kernel"].includes(type) || sample?.source !== "kernel" || Date.now() < caughtUp) return;
  latest.lags = [...latest.lags, moment(sample.read_at) - moment(time)].slice(-5);
}

function live() {
  if (latest.lostAt) say("The agent answers again.");
  again(...latest.lostAt ? [0] : AFTER_EVENT); // what happened before the stream began
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
