"""Runs inside a container beside the agent's libraries and prints figures as JSON."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

API = ("127.0.0.1", 10310)
ENGINE = "/var/run/docker.sock"


class OverSocket(http.client.HTTPConnection):
    """HTTP over the engine's socket, kept alive: the least that asking it can cost."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(ENGINE)


def milliseconds(ask: Callable[[], object], times: int) -> dict[str, float]:
    """The median and the 99th percentile of a call, and how many of them a second takes."""
    return in_turn({"": ask}, times)[""]


def in_turn(asks: Mapping[str, Callable[[], object]], times: int) -> dict[str, dict[str, float]]:
    """The same of several calls, which take turns so that the machine's noise meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(times):
        for name, ask in asks.items():
            begun = time.perf_counter()
            ask()
            taken[name].append((time.perf_counter() - begun) * 1e3)
    return {
        name: {
            "p50": statistics.median(each),
            "p99": statistics.quantiles(each, n=100)[98],
            "a second": round(len(each) / sum(each) * 1e3),
        }
        for name, each in taken.items()
    }


def getter(connection: http.client.HTTPConnection, path: str) -> Callable[[], bytes]:
    def get() -> bytes:
        connection.request("GET", path)
        return connection.getresponse().read()

    return get


def latencies() -> dict[str, dict[str, float]]:
    """Our answers and the engine's."""
    agent = http.client.HTTPConnection(*API)
    own = json.loads(getter(agent, "/v1/self")())
    engine = OverSocket("engine")
    asks: dict[str, Callable[[], object]] = {
        "/v1/self": getter(agent, "/v1/self"),
        "/v1/stats": getter(agent, "/v1/stats"),
        "/metrics": getter(agent, "/metrics"),
        "engine inspect, raw socket": getter(engine, f"/v1.41/containers/{own['id']}/json"),
    }
    return in_turn(asks, 500)


def stats() -> dict[str, dict[str, float]]:
    """A page of metrics from the kernel, and what the engine's own stats cost on two ways."""
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415 - copied in for this alone

    agent = http.client.HTTPConnection(*API)
    own = json.loads(getter(agent, "/v1/self")())["id"]
    path = f"/v1.41/containers/{own}/stats?stream=false&one-shot=true"
    sdk = docker.APIClient(base_url=f"unix://{ENGINE}", version="1.41")
    return {
        "/metrics from the kernel": milliseconds(getter(agent, "/metrics"), 500),
        "engine one-shot stats, raw socket": milliseconds(getter(OverSocket("engine"), path), 5),
        "engine one-shot stats, docker SDK": milliseconds(
            lambda: sdk.stats(own, stream=False, one_shot=True), 5
        ),
    }


def selves() -> dict[str, dict[str, float]]:
    """Who this is: ours, and what the engine's own inspect costs on two ways."""
    import docker  # noqa: PLC0415 - copied in for this alone

    ours, engine = http.client.HTTPConnection(*API), OverSocket("engine")
    own = json.loads(getter(ours, "/v1/self")())["id"]
    sdk = docker.APIClient(base_url=f"unix://{ENGINE}", version="1.41")
    asks: dict[str, Callable[[], object]] = {
        "/v1/self": getter(ours, "/v1/self"),
        "engine inspect, raw socket": getter(engine, f"/v1.41/containers/{own}/json"),
        "engine inspect, docker SDK": lambda: sdk.inspect_container(own),
    }
    return in_turn(asks, 500)


def together() -> int:
    """Fifty who scrape at once, each ten times over connections of their own."""

    def scrape() -> None:
        for _ in range(10):
            with closing(http.client.HTTPConnection(*API)) as connection:
                getter(connection, "/metrics")()

    scrapers = [threading.Thread(target=scrape) for _ in range(50)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    return len(scrapers)


def starts(times: int) -> dict[str, float]:
    """Milliseconds from exec to the first right /v1/self, of agents started beside."""
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        agent = subprocess.Popen(
            [
                "selfinspect",
                "serve",
                f"--listen=127.0.0.1:{20000 + number}",
                "--metrics-listen=off",
            ],
            stderr=subprocess.DEVNULL,
        )
        while not answers(20000 + number):
            time.sleep(0.002)
        taken.append((time.perf_counter() - begun) * 1e3)
        agent.terminate()
        agent.wait()
    return {"median": statistics.median(taken), "min": min(taken), "max": max(taken)}


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/self")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    figures: Callable[[], object] = {
        "latencies": latencies,
        "stats": stats,
        "selves": selves,
        "together": together,
        "starts": lambda: starts(9),
    }[sys.argv[1]]
    print(json.dumps(figures()))
