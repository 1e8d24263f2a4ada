// Waits for its host port without polling, then serves. Node's own fetch is all it takes.
import { createServer } from "node:http";

const port = `${process.env.SELFINSPECT_URI}/v1/self/ports/8080/tcp`;

async function hostPort() {
  for (;;) {
    const answer = await fetch(port);
    const text = answer.ok ? (await answer.text()).trim() : "";
    if (text) return text;
    // Not known yet: this one answers when that changes, or after a minute.
    await fetch(`${port}?wait_for_change=true&timeout_sec=60`);
  }
}

const known = await hostPort();
console.log(`my port is ${known}`);
createServer((_, answer) => answer.end(`hello from port ${known}\n`)).listen(8080);
process.on("SIGTERM", () => process.exit(0));
