// Asks the agent, and follows its streams through restarts.

const KEPT = "selfinspect-token";
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const SILENCE = 40_000; // the agent sends a comment every 15 seconds

export class UnauthorizedError extends Error {}

export class ProblemError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `the agent answered ${status}`);
    this.status = status;
    this.hint = problem?.hint ?? null;
  }
}

export class Agent {
  waiting = new Set();
  resting = new Set();

  /** @param onRefused called when a token is required, with whether one was sent and refused. */
  constructor(onRefused) {
    this.onRefused = onRefused;
  }

  authorize(token) {
    sessionStorage.setItem(KEPT, token);
    this.wake();
  }

  wake() {
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  /** Close the streams that rest while nobody sees the page: a browser opens few to one agent. */
  rest() {
    for (const aborter of this.resting) aborter.abort();
  }

  /** Show what a path answers in a new tab: a link cannot carry the token. */
  async openTab(path) {
    const tab = window.open("", "_blank"); // at once: a browser allows that only right after a click
    const text = await this.open(path, undefined, { Accept: "*/*" })
      .then(async (response) => response.headers.get("Content-Type").startsWith("application/json")
        ? JSON.stringify(await response.json(), null, 2) : response.text())
      .catch((error) => error.message);
    tab.location = URL.createObjectURL(new Blob([text], { type: "text/plain; charset=utf-8" }));
  }

  get token() {
    return sessionStorage.getItem(KEPT);
  }

  async ask(path, signal) {
    return (await this.open(path, signal)).json();
  }

  /**
   * Frames of a stream for ever, reconnected with backoff and resumed where it ended; at first where
   * `begin` says. One that `rests` ends with `rest`, and goes on once the page is seen and woken.
   */
  async follow(path, { begin = null, rests = false, onOpen, onFrame, onLost }) {
    const atRest = () => rests && document.visibilityState === "hidden";
    let wait = FIRST_WAIT;
    let last = null;
    for (;;) {
      while (atRest()) await this.pause(null);
      let failure = null;
      try {
        last ??= await begin?.();
        await this.read(path, last, rests, () => { wait = FIRST_WAIT; onOpen(); }, (frame) => {
          last = frame.id ?? last;
          onFrame(frame.event, JSON.parse(frame.data));
        });
      } catch (error) {
        failure = error;
      }
      if (atRest()) continue;
      onLost(failure);
      const refused = failure instanceof UnauthorizedError;
      await this.pause(refused ? null : wait * (0.8 + 0.4 * Math.random()));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  async read(path, last, rests, onOpen, onFrame) {
    const aborter = new AbortController();
    if (rests) this.resting.add(aborter);
    let watchdog = setTimeout(() => aborter.abort(), SILENCE);
    try {
      const response = await this.open(path, aborter.signal, last && { "Last-Event-ID": last });
      onOpen();
      for await (const frames of parts(response, "\n\n")) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => aborter.abort(), SILENCE);
        for (const frame of frames.map(fields)) if (frame.data) onFrame(frame);
      }
    } finally {
      clearTimeout(watchdog);
      aborter.abort();
      this.resting.delete(aborter);
    }
  }

  async open(path, signal = AbortSignal.timeout(15_000), more = {}) {
    const { token } = this;
    const headers = { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }), ...more };
    const response = await fetch(path, { headers, signal, cache: "no-store", redirect: "error" });
    if (response.status === 401) {
      // Another token was given while this one was on its way.
      if (token !== this.token) return this.open(path, signal, more);
      this.onRefused(token !== null);
      throw new UnauthorizedError("a token is required");
    }
    if (!response.ok) throw new ProblemError(response.status, await response.json().catch(() => null));
    return response;
  }

  /** Wait so many milliseconds, or for as long as it takes, until woken. */
  pause(milliseconds) {
    return new Promise((go) => {
      this.waiting.add(go);
      if (milliseconds !== null) setTimeout(() => { this.waiting.delete(go); go(); }, milliseconds);
    });
  }
}

/** What a stream brings, divided by a separator: lists, empty ones too, of those that are complete. */
export async function* parts({ body }, separator) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const all = (rest + value).split(separator);
    rest = all.pop();
    yield all;
  }
}

function fields(text) {
  const frame = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) frame[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  return frame;
}
