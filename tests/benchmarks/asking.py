"""Times answers and starts, in the network of a container; a peer's Python runs it as well.

Its argument is JSON, and what it prints is.
"""

from __future__ import annotations

import asyncio
import atexit
import http.client
import importlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "127.0.0.1"
VERSION = "1.41"
PATIENCE = 30.0


class OverSocket(http.client.HTTPConnection):
    """HTTP over the engine's socket, kept alive: the least that asking it can cost."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def asked(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", holds: str = ""
) -> bytes:
    """The body of a good answer, which holds a text."""
    was_kept = connection.sock is not None
    try:
        connection.request(method, path)
        answer = connection.getresponse()
    except ConnectionError:
        if not was_kept:
            raise
        # Its server has closed it while it was idle.
        connection.close()
        connection.request(method, path)
        answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300 or holds.encode() not in body:
        raise OSError(f"{path} is answered {answer.status}, {body[:100]!r}")
    return body


def getter(
    connection: http.client.HTTPConnection, path: str, holds: str = ""
) -> Callable[[], object]:
    return lambda: asked(connection, path, holds=holds)


def over_http(port: str, path: str, holds: str) -> Callable[[], object]:
    """Any server's answer, which is right if it holds a text; one that starts is waited for."""
    deadline = time.monotonic() + PATIENCE
    while not is_answered(port, path, holds) and time.monotonic() < deadline:
        time.sleep(0.1)
    return getter(http.client.HTTPConnection(HOST, int(port), timeout=PATIENCE), path, holds)


def over_socket(engine: str, path: str) -> Callable[[], object]:
    return getter(OverSocket(engine), f"/v{VERSION}{path}")


def sdk(engine: str, own: str, call: str) -> Callable[[], object]:
    """The `docker` package: `inspect`, or `stats` with one sample."""
    client = importlib.import_module("docker").APIClient(f"unix://{engine}", version=VERSION)
    if call == "stats":
        return lambda: client.stats(own, stream=False, one_shot=True)
    return lambda: client.inspect_container(own)


def aiodocker(engine: str, own: str) -> Callable[[], object]:
    """The `aiodocker` package's inspect, in an event loop that is there already."""
    loop = asyncio.new_event_loop()

    async def connected() -> Any:
        return importlib.import_module("aiodocker").Docker(f"unix://{engine}")

    client = loop.run_until_complete(connected())
    atexit.register(lambda: loop.run_until_complete(client.close()))
    container = client.containers.container(own)
    return lambda: loop.run_until_complete(container.show())


WAYS: Mapping[str, Callable[..., Callable[[], object]]] = {
    "http": over_http,
    "raw": over_socket,
    "sdk": sdk,
    "aiodocker": aiodocker,
}


def answers(asks: Mapping[str, list[str]], times: int) -> dict[str, Any]:
    """Milliseconds of each answer, in turns so that a slow moment meets all; or why there are none.

    Args:
        asks: for each name a way and what that takes.
        times: how many turns.
    """
    taken: dict[str, Any] = {name: [] for name in asks}
    ready: dict[str, Callable[[], object]] = {}
    for turn in range(times + 1):
        for name, (way, *words) in asks.items():
            if isinstance(taken[name], str):
                continue
            try:
                if turn == 0:
                    ready[name] = WAYS[way](*words)
                    ready[name]()
                else:
                    taken[name].append(milliseconds(ready[name]))
            except Exception as error:  # noqa: BLE001 - a peer's
                taken[name] = f"{type(error).__name__}: {error}"
    return taken


def milliseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3


def a_second(ask: list[str], times: int, rounds: int) -> list[float]:
    """How many answers a second, where agent and client have one CPU together."""
    os.sched_setaffinity(0, {0})
    way, *words = ask
    call = WAYS[way](*words)
    return [
        times / milliseconds(lambda: [call() for _ in range(times)]) * 1e3 for _ in range(rounds)
    ]


def together(port: str, path: str, clients: int, times: int) -> int:
    """Many who ask at once, each several times over connections of its own."""

    def scrape() -> None:
        for _ in range(times):
            with closing(http.client.HTTPConnection(HOST, int(port))) as connection:
                asked(connection, path)

    scrapers = [threading.Thread(target=scrape) for _ in range(clients)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    return clients * times


def scrapes(port: str, path: str, seconds: float) -> None:
    """One a second, over a kept connection."""
    end = time.monotonic() + seconds
    with closing(http.client.HTTPConnection(HOST, int(port), timeout=PATIENCE)) as connection:
        while time.monotonic() < end:
            asked(connection, path)
            time.sleep(1)


def starts(command: list[str], port: str, path: str, holds: str, times: int) -> list[float]:
    """Milliseconds from exec to the first right answer, which holds a text."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as program:
            try:
                while not is_answered(port, path, holds):
                    if program.poll() is not None or time.perf_counter() - begun > PATIENCE:
                        raise OSError(f"{command[0]} does not answer on {path}")
                    time.sleep(0.002)
                taken.append((time.perf_counter() - begun) * 1e3)
            finally:
                program.terminate()
    return taken


def is_answered(port: str, path: str, holds: str) -> bool:
    with closing(http.client.HTTPConnection(HOST, int(port), timeout=PATIENCE)) as connection:
        try:
            return bool(asked(connection, path, holds=holds))
        except (OSError, http.client.HTTPException):
            return False


def ready() -> None:
    """Of each address that a line of the input names, print when its agent got ready."""
    pending: set[str] = set()
    os.set_blocking(0, False)
    is_open, rest = True, b""
    while is_open or pending:
        if is_open:
            try:
                read = os.read(0, 65_536)
            except BlockingIOError:
                read = None
            if read is not None:
                is_open = bool(read)
                *lines, rest = (rest + read).split(b"\n")
                pending |= {line.decode() for line in lines}
        for address in sorted(pending):
            if is_ready(address):
                pending.remove(address)
                print(address, time.monotonic(), flush=True)
        time.sleep(0.01)


def is_ready(address: str) -> bool:
    with closing(http.client.HTTPConnection(address, 10311, timeout=5)) as connection:
        try:
            return bool(asked(connection, "/readyz"))
        except (OSError, http.client.HTTPException):
            return False


if __name__ == "__main__":
    function, *arguments = json.loads(sys.argv[1])
    print(json.dumps(globals()[function](*arguments)))
