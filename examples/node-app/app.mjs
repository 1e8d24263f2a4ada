// Waits for its host port without polling, but not for ever, then serves. Node's own fetch is all it takes.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const agent = process.env.SELFINSPECT_URI; // unset where there is no agent
const deadline = Date.now() + 1000 * (process.env.PORT_TIMEOUT_SECONDS ?? 30);

async function hostPort() {
  let etag = ""; // none yet: what is there already is answered at once
  while (agent && Date.now() < deadline) {
    const left = deadline - Date.now();
    try {
      const query = `wait_for_change=true&timeout_sec=${Math.ceil(left / 1000)}&last_etag=${etag}`;
      const url = `${agent}/v1/self/ports/8080/tcp?${query}`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(left) });
      const text = answer.ok ? (await answer.text()).trim() : "";
      if (text) return text;
      if (answer.ok) {
        etag = encodeURIComponent(answer.headers.get("etag")); // not published yet
        continue;
      }
    } catch {
      // The agent is not up, or the time is.
    }
    await sleep(Math.min(200, left));
  }
  return null;
}

const port = await hostPort();
console.log(port ? `my port is ${port}` : "my port is unknown, I serve all the same");
createServer((_, answer) => answer.end(`hello from port ${port}\n`)).listen(8080);
process.on("SIGTERM", () => process.exit(0));
