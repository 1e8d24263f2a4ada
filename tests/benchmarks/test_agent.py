"""Figures of the whole agent in its own image, printed; run with `-m benchmark -s`."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.engine.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

INSIDE = Path(__file__).with_name("inside.py")
MIB = 1024


def memory(pid: int) -> tuple[float, float]:
    """Resident and anonymous MiB of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return tuple(round(int(status[name].split()[0]) / MIB, 1) for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


def ticks(pid: int) -> int:
    """CPU time used by a process, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def inside(app: Container, figures: str) -> Json:
    app.engine.docker("cp", INSIDE, f"{app.id}:/tmp/inside.py")
    found: Json = json.loads(app.exec("python3", "/tmp/inside.py", figures))
    return found


def report(name: str, figures: object) -> None:
    print(f"\n{name}: {json.dumps(figures)}")


def test_memory_and_idle_cpu(engine: Engine) -> None:
    """Resident and anonymous MiB after start and after many requests; idle CPU a minute."""
    app = engine.start("--no-healthcheck").ready()
    report("agent MiB (resident, anonymous) after start", memory(app.pid))
    before = ticks(app.pid)
    time.sleep(60)
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    report("agent idle CPU ms a minute", (ticks(app.pid) - before) * tick)
    inside(app, "latencies")
    report("agent MiB (resident, anonymous) after 2000 requests", memory(app.pid))
    inside(app, "together")
    report("agent MiB (resident, anonymous) after 50 scrapes at once", memory(app.pid))


def test_memory_of_pid_1(engine: Engine) -> None:
    """Resident and anonymous MiB of `run`."""
    app = engine.start(command=("run", "--", "sleep", "1000")).ready()
    report("PID 1 MiB (resident, anonymous)", memory(app.pid))


def test_latencies(engine: Engine) -> None:
    """Milliseconds an answer, beside the engine's own inspect over a kept-alive raw socket."""
    report("ms an answer", inside(engine.start().ready(), "latencies"))


def on_one_cpu(engine: Engine, figures: str) -> Json:
    """Figures of a container that has one CPU for all in it, the docker SDK among that."""
    app = engine.start("--cpuset-cpus", "0", "--user", "0").ready()
    sdk = find_spec("docker")
    assert sdk is not None
    assert sdk.origin is not None
    app.engine.docker("cp", Path(sdk.origin).parent, f"{app.id}:/tmp/docker")
    app.engine.docker("cp", INSIDE, f"{app.id}:/tmp/inside.py")
    found: Json = json.loads(app.exec("/opt/selfinspect/bin/python", "/tmp/inside.py", figures))
    return found


def test_stats(engine: Engine) -> None:
    """Milliseconds a page of metrics, on one CPU, beside the engine's own stats."""
    report("ms on one CPU", on_one_cpu(engine, "stats"))


def test_self(engine: Engine) -> None:
    """Milliseconds, and requests a second on one CPU, beside the engine's own inspect."""
    report("ms and requests on one CPU", on_one_cpu(engine, "selves"))


def test_start(engine: Engine) -> None:
    """Milliseconds from exec to the first right /v1/self."""
    report("ms to the first /v1/self", inside(engine.start().ready(), "starts"))


def test_event_latency(engine: Engine, tmp_path: Path) -> None:
    """Milliseconds from the engine's raw stream to a subscriber of ours, over 100 events."""
    tmp_path.chmod(0o777)
    app = engine.start(
        "--volume", f"{tmp_path}:/shared", "--env", "SELFINSPECT_LISTEN=127.0.0.1:10310,unix:///shared/api.sock",
    ).ready()  # fmt: skip
    filters = quote(json.dumps({"container": [app.id], "event": ["rename"]}))
    with (
        arrivals(engine.socket, f"/v1.41/events?filters={filters}", b'"Action":"rename"') as raw,
        arrivals(tmp_path / "api.sock", "/v1/events/stream", b"event: rename") as ours,
    ):
        for number in range(100):
            engine.docker("rename", app.id, f"n-{number}")
        until(lambda: len(raw) == len(ours) == 100, "every rename, twice")
    delays = [(our - their) * 1e3 for our, their in zip(ours, raw, strict=True)]
    report(
        "ms from raw stream to subscriber",
        {"median": statistics.median(delays), "p95": statistics.quantiles(delays, n=20)[18]},
    )


@contextlib.contextmanager
def arrivals(path: Path, target: str, mark: bytes) -> Iterator[list[float]]:
    """When each line with a mark came, appended as they come."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        lines = connection.makefile("rb")
        assert b" 200 " in lines.readline()
        found: list[float] = []

        def read() -> None:
            for line in lines:
                if mark in line:
                    found.append(time.monotonic())  # noqa: PERF401 - seen while it grows

        reader = threading.Thread(target=read)
        reader.start()
        yield found
        connection.shutdown(socket.SHUT_RDWR)
        reader.join()
        lines.close()
