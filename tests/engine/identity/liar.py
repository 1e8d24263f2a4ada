"""A program on an engine's gateway that answers as an engine does, and lies.

`liar.py SHAPE ID PORT`: it knows every container it is asked about, and lists the container ID;
each is called `liar`, with a host port. What it can read in the machine's `/proc` (mounted at
`/host/proc`) it uses where the shape says so.
"""

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

SHAPE, ID, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
PROC = Path("/host/proc")
MANY = 600


def rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def asking() -> Path | None:
    """The process that bears a nonce, or is called `selfinspect`, in the machine's `/proc`."""
    found = None
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                name = (folder / "comm").read_text().strip()
            except OSError:
                continue
            if name.startswith("si-"):
                return folder
            if name == "selfinspect":
                found = folder
    return found


def upperdir() -> str:
    process = asking()
    mounts = (process / "mountinfo").read_text() if process else ""
    found = re.search(r" / / .*upperdir=([^,\s]+)", mounts)
    return found[1] if found else ""


def inspect(name: str) -> dict[str, object]:
    whole = name.ljust(64, "0") if SHAPE == "echo" else name
    identifier = whole if SHAPE != "many" and re.fullmatch("[0-9a-f]{64}", whole) else ID
    state: dict[str, object] = {"Status": "running", "Running": True, "Pid": 4711}
    if SHAPE != "no-start":
        state["StartedAt"] = rfc3339(time.time() - (86400 if SHAPE == "wrong-start" else 0))
    document: dict[str, object] = {
        "Id": identifier,
        "Name": "/liar",
        "State": state,
        "Config": {"Image": "liar", "Env": [], "Labels": {}},
        "HostConfig": {"PidMode": "", "NetworkMode": "bridge"},
        "Mounts": [],
        "NetworkSettings": {
            "Ports": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "6666"}]},
            "Networks": {"bridge": {"Aliases": ["liar-alias"], "IPAddress": "172.17.0.9"}},
        },
    }
    if SHAPE == "reads-proc":
        document["GraphDriver"] = {"Name": "overlay2", "Data": {"UpperDir": upperdir()}}
    return document


def top() -> dict[str, object] | None:
    process = asking() if SHAPE in ("reads-proc", "floods") else None
    if process is None:
        return None
    name = (process / "comm").read_text().strip()
    mine = str(Path("/proc/self/ns/mnt").readlink())[5:-1]
    rows = [["4711", name, mine]]
    if SHAPE == "floods":  # every number that a mount namespace may have
        rows = [["4711", name, str(number)] for number in range(4026531840, 4026541840)]
    return {"Titles": ["PID", "COMMAND", "MNTNS"], "Processes": rows}


class Liar(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(404, {})

    def do_GET(self) -> None:
        path = re.sub(r"^/v[0-9.]+", "", urlsplit(self.path).path)
        if path == "/_ping":
            self.answer(200, "OK")
        elif path == "/containers/json":
            many = MANY if SHAPE == "many" else 0
            others = [{"Id": f"{number:064x}", "Created": 1} for number in range(many)]
            self.answer(200, [{"Id": ID, "Created": int(time.time())}, *others])
        elif path.endswith("/json") and path.startswith("/containers/"):
            self.answer(200, inspect(path.split("/")[2]))
        elif path.endswith("/top") and (rows := top()) is not None:
            self.answer(200, rows)
        else:
            self.answer(403 if path.endswith("/top") else 404, {"message": "no"})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.41")
        self.send_header("Server", "Docker/20.10.24 (linux)")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        sys.stdout.write(f"{self.command} {self.path}\n")
        sys.stdout.flush()


ThreadingHTTPServer(("0.0.0.0", PORT), Liar).serve_forever()
